//! Matrix products, linear layers and einsum.

use proptest::prelude::*;
use wengert::Var;

use crate::{
    array::{Array, broadcast, each_index},
    check::{Bound, agree},
    draw::{below, keep, mix, numbers, shape, size},
    each_case,
};

/// Σ a b over the last axis of `a` and the last but one of `b`, of batches that broadcast.
fn matmul(a: &Array, b: &Array) -> Array {
    let left = if a.rank() == 1 { a.reshaped(&[1, a.dims[0]]) } else { a.clone() };
    let right = if b.rank() == 1 { b.reshaped(&[b.dims[0], 1]) } else { b.clone() };
    let (batch_a, [m, inner]) = left.dims.split_last_chunk::<2>().unwrap();
    let (batch_b, [_, n]) = right.dims.split_last_chunk::<2>().unwrap();
    let batch = broadcast(batch_a, batch_b);
    let mut y = Array::from_fn(&[&batch[..], &[*m, *n]].concat(), |at| {
        let (outer, [i, j]) = at.split_last_chunk::<2>().unwrap();
        (0..*inner).map(|k| left.at(&[outer, &[*i, k]].concat()) * right.at(&[outer, &[k, *j]].concat())).sum()
    });
    if b.rank() == 1 {
        y.dims.pop();
    }
    if a.rank() == 1 {
        y.dims.remove(y.rank() - if b.rank() == 1 { 1 } else { 2 });
    }
    y
}

/// The letters of the operands and of the result, with one set of sizes.
#[derive(Clone, Debug)]
struct Equation {
    text: String,
    terms: Vec<Vec<usize>>,
    result: Vec<usize>,
    sizes: Vec<usize>,
}

const LETTERS: [char; 5] = ['a', 'b', 'i', 'J', 'k'];

fn equation() -> impl Strategy<Value = Equation> {
    let term = || prop::collection::vec(0..LETTERS.len(), 0..=3);
    (prop::collection::vec(term(), 1..=3), prop::collection::vec(size(), LETTERS.len()), any::<u64>(), any::<bool>())
        .prop_map(|(terms, sizes, seed, arrow)| {
            let spell = |term: &[usize]| term.iter().map(|&k| LETTERS[k]).collect::<String>();
            let all: Vec<usize> = terms.concat();
            let mut result: Vec<usize> = Vec::new();
            for k in 0..LETTERS.len() {
                let wanted = match arrow {
                    true => all.contains(&k) && mix(seed, k as u64) & 1 == 1,
                    false => all.iter().filter(|&&other| other == k).count() == 1,
                };
                if wanted {
                    result.insert(below(seed, 20 + k as u64, result.len() + 1), k);
                }
            }
            let operands = terms.iter().map(|term| spell(term)).collect::<Vec<_>>();
            let text = match arrow {
                true => format!("{} -> {}", operands.join(", "), spell(&result)),
                false => {
                    result.sort_by_key(|&k| LETTERS[k]);
                    operands.join(",")
                }
            };
            Equation { text, terms, result, sizes }
        })
}

impl Equation {
    fn dims(&self, term: &[usize]) -> Vec<usize> {
        term.iter().map(|&k| self.sizes[k]).collect()
    }

    /// The product of the entries that each assignment of all letters picks, added to the entry of the result.
    fn naive(&self, x: &[Array]) -> Array {
        let used: Vec<usize> = (0..LETTERS.len()).filter(|k| self.terms.iter().any(|term| term.contains(k))).collect();
        let mut y = Array::zeros(&self.dims(&self.result));
        each_index(&self.dims(&used), |assignment| {
            let at = |term: &[usize]| -> Vec<usize> {
                term.iter().map(|k| assignment[used.iter().position(|other| other == k).unwrap()]).collect()
            };
            *y.entry(&at(&self.result)) += self.terms.iter().zip(x).map(|(term, x)| x.at(&at(term))).product::<f64>();
        });
        y
    }
}

#[test]
fn matrix_products() {
    each_case(
        400,
        (shape(0..=2), [keep(), keep()], [size(), size(), size()], 0usize..6, any::<u64>()),
        |(batch, [left, right], [m, inner, n], vectors, seed)| {
            let a = match vectors {
                0 | 1 => vec![inner],
                _ => [left.of(&batch), vec![m, inner]].concat(),
            };
            let b = match vectors {
                0 | 2 => vec![inner],
                _ => [right.of(&batch), vec![inner, n]].concat(),
            };
            let x = [numbers(&a, seed, (-2.0, 2.0)), numbers(&b, seed ^ 1, (-2.0, 2.0))];
            agree("matmul", &x, Bound::Terms(inner + 1), |x| x[0].matmul(x[1]), |x| matmul(&x[0], &x[1]))?;
            if vectors > 2 {
                let equation = "...ij,...jk->...ik";
                agree(equation, &x, Bound::Terms(inner + 3), |x| Var::einsum(equation, x), |x| matmul(&x[0], &x[1]))?;
            }
            Ok(())
        },
    );
}

#[test]
fn a_product_added_to_what_broadcasts_to_it() {
    each_case(
        200,
        (shape(0..=2), [keep(), keep(), keep()], [size(), size(), size()], 0.1f32..2.0, any::<u64>()),
        |(batch, [left, right, third], [m, inner, n], scale, seed)| {
            let scale = f64::from(scale);
            let a = [left.of(&batch), vec![m, inner]].concat();
            let b = [right.of(&batch), vec![inner, n]].concat();
            // What is added must not be larger than the product.
            let product = matmul(&numbers(&a, seed, (-2.0, 2.0)), &numbers(&b, seed ^ 1, (-2.0, 2.0)));
            let c = third.of(&product.dims);
            let x = [(&a, seed), (&b, seed ^ 1), (&c, seed ^ 2)].map(|(dims, seed)| numbers(dims, seed, (-2.0, 2.0)));
            agree(
                "addmm",
                &x,
                Bound::Terms(inner + 3),
                |x| x[2].addmm(x[0], x[1], scale),
                |x| x[2].zip(&matmul(&x[0], &x[1]), |c, y| c + scale * y),
            )?;
            Ok(())
        },
    );
}

#[test]
fn a_matrix_times_its_transpose() {
    each_case(400, (shape(2..=3), any::<u64>()), |(dims, seed)| {
        let x = [numbers(&dims, seed, (-2.0, 2.0))];
        agree(
            "A Aᵀ",
            &x,
            Bound::Terms(dims[dims.len() - 1] + 1),
            |x| x[0].matmul(x[0].transpose(-1, -2)),
            |x| {
                let mut sizes = dims.clone();
                sizes.swap(dims.len() - 1, dims.len() - 2);
                let turned = Array::from_fn(&sizes, |i| {
                    let (outer, [row, column]) = i.split_last_chunk::<2>().unwrap();
                    x[0].at(&[outer, &[*column, *row]].concat())
                });
                matmul(&x[0], &turned)
            },
        )?;
        Ok(())
    });
}

#[test]
fn linear_layers() {
    each_case(
        400,
        (shape(0..=3), [size(), size()], any::<bool>(), any::<u64>()),
        |(batch, [inputs, outputs], biased, seed)| {
            let mut x = vec![numbers(&[batch.clone(), vec![inputs]].concat(), seed, (-2.0, 2.0))];
            x.push(numbers(&[outputs, inputs], seed ^ 1, (-2.0, 2.0)));
            if biased {
                x.push(numbers(&[outputs], seed ^ 2, (-2.0, 2.0)));
            }
            agree(
                "linear",
                &x,
                Bound::Terms(inputs + 2),
                |x| x[0].linear(x[1], x.get(2).copied()),
                |x| {
                    Array::from_fn(&[batch.clone(), vec![outputs]].concat(), |at| {
                        let (outer, o) = (&at[..batch.len()], at[batch.len()]);
                        let bias = x.get(2).map_or(0.0, |bias| bias.at(&[o]));
                        bias + (0..inputs).map(|i| x[0].at(&[outer, &[i]].concat()) * x[1].at(&[o, i])).sum::<f64>()
                    })
                },
            )?;
            Ok(())
        },
    );
}

#[test]
fn einstein_sums() {
    each_case(400, (equation(), any::<u64>()), |(equation, seed)| {
        let x: Vec<Array> = equation
            .terms
            .iter()
            .enumerate()
            .map(|(k, term)| numbers(&equation.dims(term), seed ^ k as u64, (-1.0, 1.0)))
            .collect();
        let terms: usize = equation.sizes.iter().map(|&n| n.max(1)).product();
        agree(&equation.text, &x, Bound::Terms(terms + 3), |x| Var::einsum(&equation.text, x), |x| equation.naive(x))?;
        Ok(())
    });
}

#[test]
fn bilinear_pooling() {
    each_case(400, ([size(), size()], [1usize..=3, 1usize..=3], any::<u64>()), |([n, c], [h, w], seed)| {
        let x = [numbers(&[n, c, h, w], seed, (-2.0, 2.0))];
        agree(
            "bilinear_pool",
            &x,
            Bound::Terms(h * w + 2),
            |x| x[0].bilinear_pool(),
            |x| {
                Array::from_fn(&[n, c, c], |at| {
                    let mut sum = 0.0;
                    each_index(&[h, w], |p| {
                        sum += x[0].at(&[at[0], at[1], p[0], p[1]]) * x[0].at(&[at[0], at[2], p[0], p[1]])
                    });
                    sum / (h * w) as f64
                })
            },
        )?;
        Ok(())
    });
}
