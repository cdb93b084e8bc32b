//! Elementwise operations over random shapes and random broadcasts.

use proptest::prelude::*;

use crate::{
    array::{Array, broadcast, each_index},
    check::{Bound, agree, agree_without_gradient},
    draw::{below, keep, mix, numbers, shape},
    each_case,
    rows::{BINARY, COMPARISONS, STEPS, UNARY},
};

const BOUND: Bound = Bound::Size(24.0);

#[test]
fn operations_of_one_value() {
    each_case(50, (shape(0..=4), any::<u64>()), |(dims, seed)| {
        for row in UNARY {
            let x = [numbers(&dims, seed, row.smooth)];
            agree(row.name, &x, BOUND, |x| (row.run)(x[0]), |x| x[0].map(row.reference))?;
        }
        for row in STEPS {
            let x = [numbers(&dims, seed, row.smooth).map(|x| (x * 4.0).round() / 2.0)];
            agree_without_gradient(row.name, &x, BOUND, |x| (row.run)(x[0]), |x| x[0].map(row.reference))?;
        }
        Ok(())
    });
}

#[test]
fn operations_of_two_values() {
    each_case(50, (shape(0..=4), [keep(), keep()], any::<u64>()), |(full, [left, right], seed)| {
        for row in BINARY {
            let x = [numbers(&left.of(&full), seed, row.smooth[0]), numbers(&right.of(&full), seed ^ 1, row.smooth[1])];
            agree(row.name, &x, BOUND, |x| (row.run)(x[0], x[1]), |x| x[0].zip(&x[1], row.reference))?;
        }
        for row in COMPARISONS {
            // Few distinct numbers, so that many are equal.
            let few = |dims: &[usize], seed| numbers(dims, seed, (-2.0, 2.0)).map(f64::round);
            let x = [few(&left.of(&full), seed), few(&right.of(&full), seed ^ 1)];
            agree_without_gradient(row.name, &x, BOUND, |x| (row.run)(x[0], x[1]), |x| x[0].zip(&x[1], row.reference))?;
        }
        Ok(())
    });
}

#[test]
fn select_takes_either_side() {
    each_case(300, (shape(0..=4), [keep(), keep(), keep()], any::<u64>()), |(full, [mask, a, b], seed)| {
        let bit = |place: u64| (mix(seed, place) & 1) as f64 * 2.5;
        let mut place = 0;
        let mask = Array::from_fn(&mask.of(&full), |_| {
            place += 1;
            bit(place)
        });
        let x = [numbers(&a.of(&full), seed, (-2.0, 2.0)), numbers(&b.of(&full), seed ^ 1, (-2.0, 2.0))];
        let naive = |x: &[Array]| {
            let dims = broadcast(&mask.dims, &broadcast(&x[0].dims, &x[1].dims));
            Array::from_fn(&dims, |i| if mask.at(i) != 0.0 { x[0].at(i) } else { x[1].at(i) })
        };
        agree("select", &x, Bound::Terms(1), |x| x[0].tape().constant(mask.tensor()).select(x[0], x[1]), naive)?;
        let naive = |x: &[Array]| naive(&[x[0].clone(), Array::scalar(0.25)]);
        agree(
            "select a number",
            &x[..1],
            Bound::Terms(1),
            |x| x[0].tape().constant(mask.tensor()).select(x[0], 0.25),
            naive,
        )?;
        Ok(())
    });
}

#[test]
fn a_value_may_meet_itself_in_another_shape() {
    each_case(300, (shape(0..=3), keep(), any::<u64>()), |(full, keep, seed)| {
        // The same leaf on both sides, once in full and once summed to a smaller shape.
        let part = keep.of(&full);
        let x = [numbers(&full, seed, (-2.0, 2.0))];
        agree(
            "x · sum_to(x)",
            &x,
            Bound::Terms(x[0].numel() + 2),
            |x| x[0] * x[0].sum_to(&part.clone().into()),
            |x| {
                let mut sum = Array::zeros(&part);
                each_index(&x[0].dims, |i| *sum.entry(i) += x[0].at(i));
                x[0].zip(&sum, |x, s| x * s)
            },
        )?;
        Ok(())
    });
}

#[test]
fn chains_of_random_operations() {
    each_case(300, (shape(0..=4), [keep(), keep(), keep()], any::<u64>()), |(full, keeps, seed)| {
        // Bounded functions, so that no chain leaves the range where all of them are smooth.
        let x: Vec<Array> = (0..3).map(|k| numbers(&keeps[k].of(&full), seed ^ k as u64, (-1.0, 1.0))).collect();
        let picks: Vec<[usize; 3]> = (0..8).map(|step| [0, 1, 2].map(|k| below(seed, 10 * step + k, 7))).collect();
        agree(
            "a chain",
            &x,
            Bound::Size(200.0),
            |x| {
                let mut list = x.to_vec();
                for pick in &picks {
                    let (a, b) = (list[pick[1] % list.len()], list[pick[2] % list.len()]);
                    list.push(match pick[0] {
                        0 => a.sin(),
                        1 => (a * b) * 0.5,
                        2 => a.tanh() - b * 0.25,
                        3 => (a + b).sigmoid(),
                        4 => 1.0 / (a * a + 1.0),
                        5 => (a.softplus() + b) * 0.375,
                        _ => (b * 0.125).exp() * a,
                    });
                }
                list[list.len() - 1] + list[list.len() - 2]
            },
            |x| {
                let mut list = x.to_vec();
                for pick in &picks {
                    let (a, b) = (&list[pick[1] % list.len()], &list[pick[2] % list.len()]);
                    list.push(match pick[0] {
                        0 => a.map(f64::sin),
                        1 => a.zip(b, |a, b| a * b * 0.5),
                        2 => a.zip(b, |a, b| a.tanh() - b * 0.25),
                        3 => a.zip(b, |a, b| 1.0 / (1.0 + (-a - b).exp())),
                        4 => a.map(|a| 1.0 / (a * a + 1.0)),
                        5 => a.zip(b, |a, b| (a.exp().ln_1p() + b) * 0.375),
                        _ => a.zip(b, |a, b| (b * 0.125).exp() * a),
                    });
                }
                list[list.len() - 1].zip(&list[list.len() - 2], |a, b| a + b)
            },
        )?;
        Ok(())
    });
}
