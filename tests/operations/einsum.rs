//! Sums of products by letters, against loops over every letter.

use super::{close, numbers, says};
use wengert::{Shape, Tape, Tensor, Var};

/// The sum of products by loops over every letter.
fn naive_einsum(terms: &[&str], result: &str, operands: &[Tensor]) -> Vec<f64> {
    let mut letters: Vec<(char, usize)> = Vec::new();
    for c in result.chars().chain(terms.concat().chars()) {
        if letters.iter().all(|l| l.0 != c) {
            let (k, axis) = terms.iter().enumerate().find_map(|(k, t)| t.find(c).map(|axis| (k, axis))).unwrap();
            letters.push((c, operands[k].shape()[axis]));
        }
    }
    let sizes: Vec<usize> = letters.iter().map(|l| l.1).collect();
    let kept: usize = sizes[..result.len()].iter().product();
    let rest: usize = sizes[result.len()..].iter().product();
    let mut out = vec![0.0; kept];
    for flat in 0..kept * rest {
        let mut index = vec![0; sizes.len()];
        let mut left = flat;
        for axis in (0..sizes.len()).rev() {
            index[axis] = left % sizes[axis];
            left /= sizes[axis];
        }
        let place = |c: char| index[letters.iter().position(|l| l.0 == c).unwrap()];
        let factors = terms.iter().zip(operands).map(|(t, x)| x.at(&t.chars().map(place).collect::<Vec<_>>()));
        out[flat / rest] += factors.product::<f64>();
    }
    out
}

#[test]
fn einsum_is_the_sum_over_all_letters() {
    let size = |c: char| 2 + (c as usize % 3);
    for equation in [
        "ij,jk->ik",
        "ij,kj->ki",
        "ji,jk->ik",
        "bij,bjk->bik",
        "bij,bjk->kib",
        "i,i->",
        "i,i->i",
        "i,j->ji",
        "ij->",
        "ijk->kj",
        "ii->i",
        "iij,j->i",
        "ij,jk,kl->il",
        "ij,ik,il->jkl",
        "bhwc,bhwd->bcd",
        "a,b,ab->b",
        "ij,ij->ij",
        "iji,j->i",
        "ab,c->b",
    ] {
        let (left, result) = equation.split_once("->").unwrap();
        let terms: Vec<&str> = left.split(',').collect();
        let operands: Vec<Tensor> = terms
            .iter()
            .enumerate()
            .map(|(k, t)| numbers(&t.chars().map(size).collect::<Vec<_>>(), k as f64))
            .collect();
        let tape = Tape::f64();
        let x: Vec<Var<'_>> = operands.iter().map(|x| tape.leaf(x)).collect();
        let y = Var::einsum(equation, &x);
        assert_eq!(y.shape(), result.chars().map(size).collect::<Shape>(), "{equation}");
        close(y, &naive_einsum(&terms, result, &operands), equation);
    }
}

#[test]
fn an_ellipsis_stands_for_axes_without_letters() {
    // Next to each equation: the same with letters for the axes under `...`, once the operands are broadcast to these
    // sizes.
    type Case = (&'static str, Shapes, &'static str, Shapes);
    type Shapes = &'static [&'static [usize]];
    let cases: [Case; 14] = [
        ("...ij,...jk->...ik", &[&[4, 2, 3], &[4, 3, 2]], "aij,ajk->aik", &[&[4, 2, 3], &[4, 3, 2]]),
        ("...ij,jk->...ik", &[&[4, 2, 3], &[3, 2]], "aij,jk->aik", &[&[4, 2, 3], &[3, 2]]),
        ("...ij,...jk->...ik", &[&[5, 1, 2, 3], &[4, 3, 2]], "abij,abjk->abik", &[&[5, 4, 2, 3], &[5, 4, 3, 2]]),
        ("...i,...i->...", &[&[3, 1, 2], &[1, 4, 2]], "abi,abi->ab", &[&[3, 4, 2], &[3, 4, 2]]),
        ("i...,...->i...", &[&[2, 3], &[3]], "ia,a->ia", &[&[2, 3], &[3]]),
        ("...ii->...i", &[&[2, 3, 3]], "aii->ai", &[&[2, 3, 3]]),
        ("...->...", &[&[2, 3]], "ab->ab", &[&[2, 3]]),
        ("i...j->j...i", &[&[2, 3, 4, 5]], "iabj->jabi", &[&[2, 3, 4, 5]]),
        ("i...->", &[&[2, 3, 4]], "iab->", &[&[2, 3, 4]]),
        ("...ij->j", &[&[2, 3, 4]], "aij->j", &[&[2, 3, 4]]),
        ("...ij->...j", &[&[3, 4]], "ij->j", &[&[3, 4]]),
        ("...ij,...jk", &[&[4, 2, 3], &[3, 2]], "aij,ajk->aik", &[&[4, 2, 3], &[4, 3, 2]]),
        ("j...i", &[&[2, 3, 4]], "jai->aij", &[&[2, 3, 4]]),
        ("...,...->...", &[&[1], &[1]], "a,a->a", &[&[1], &[1]]),
    ];
    for (equation, shapes, plain, wide) in cases {
        let operands: Vec<Tensor> = shapes.iter().enumerate().map(|(k, s)| numbers(s, k as f64)).collect();
        let tape = Tape::f64();
        let x: Vec<Var<'_>> = operands.iter().map(|x| tape.leaf(x)).collect();
        let broadcast: Vec<Tensor> = x.iter().zip(wide).map(|(x, &w)| x.broadcast_to(w).value()).collect();
        let (left, result) = plain.split_once("->").unwrap();
        let terms: Vec<&str> = left.split(',').collect();
        close(Var::einsum(equation, &x), &naive_einsum(&terms, result, &broadcast), equation);
        let size = |c| terms.iter().zip(wide).find_map(|(t, w)| t.find(c).map(|axis| w[axis])).unwrap();
        assert_eq!(Var::einsum(equation, &x).shape(), result.chars().map(size).collect::<Shape>(), "{equation}");
    }
}

#[test]
fn einsum_names_the_equation_and_the_letter() {
    let tape = Tape::f64();
    let (a, b) = (tape.leaf(numbers(&[2, 3], 0.0)), tape.leaf(numbers(&[4, 5], 0.0)));
    says(
        Var::try_einsum("ij,jk->ik", &[a, b]),
        "einsum: in the equation \"ij,jk->ik\" `j` has size 3 and, in operand 1, size 4, but got [2, 3] and [4, 5]",
    );
    says(
        Var::try_einsum("ij->iq", &[a]),
        "einsum: in the equation \"ij->iq\" the result's letter `q` stands in no operand, but got [2, 3]",
    );
    says(
        Var::try_einsum("ij->ii", &[a]),
        "einsum: in the equation \"ij->ii\" the result names `i` twice, but got [2, 3]",
    );
    says(Var::try_einsum("i1->i", &[a]), "einsum: in the equation \"i1->i\" `1` is not a letter, but got [2, 3]");
    says(
        Var::try_einsum("ijk->i", &[a]),
        "einsum: in the equation \"ijk->i\" operand 0 has 2 axes, but 3 letters, but got [2, 3]",
    );
    says(
        Var::try_einsum("ij,jk", &[a]),
        "einsum: in the equation \"ij,jk\" it names 2 operands, but 1 were given, but got [2, 3]",
    );
    let not_three = "dots stand elsewhere than in one `...` for each operand, but got [2, 3]";
    for equation in ["i.j->i", "..ij", "...i...->i", "i...->....", "ij...."] {
        says(Var::try_einsum(equation, &[a]), &format!("einsum: in the equation \"{equation}\" {not_three}"));
    }
    says(
        Var::try_einsum("...ijk->...", &[a]),
        "einsum: in the equation \"...ijk->...\" operand 0 has 2 axes, but 3 letters, but got [2, 3]",
    );
    says(
        Var::try_einsum("...j,...k->...", &[a, b]),
        "einsum: in the equation \"...j,...k->...\" an axis under `...` has size 2 and, in operand 1, size 4, but got \
         [2, 3] and [4, 5]",
    );
    says(Var::try_einsum("->", &[]), "the list of operands of einsum is empty: give at least one");
}
