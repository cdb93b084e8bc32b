//! Products, normalizations and losses.

use wengert::{Var, functional::Attention};

use super::{Draw, Try};

/// Leading axes, of which each of two operands has some in full and lacks others.
fn leading(draw: &mut Draw<'_>) -> [Vec<usize>; 2] {
    let full = draw.sizes(0..=2);
    let of: Vec<[usize; 2]> = full
        .iter()
        .map(|&n| match draw.below(3) {
            0 => [1, n],
            1 => [n, 1],
            _ => [n, n],
        })
        .collect();
    [of.iter().map(|of| of[0]).collect(), of.iter().map(|of| of[1]).collect()]
}

/// Two values of the same shape.
fn two<'t>(draw: &mut Draw<'t>) -> (Var<'t>, Var<'t>) {
    let dims = draw.sizes(1..=3);
    (draw.tensor(&dims), draw.tensor(&dims))
}

/// Rows of scores and a label for each.
fn scores<'t>(draw: &mut Draw<'t>) -> (Var<'t>, Vec<usize>) {
    let (rows, classes) = (draw.size(), draw.size());
    (draw.tensor(&[rows, classes]), draw.places(rows, classes))
}

macro_rules! pairs {
    ($($name:literal $twin:ident $(($($arg:expr),*))?)*) => {
        [$(($name, |draw| {
            let (x, y) = two(draw);
            x.$twin(y $(, $($arg),*)?)
        })),*]
    };
}

pub const PAIRS: [(&str, Try); 11] = pairs! {
    "mse_loss" try_mse_loss
    "l1_loss" try_l1_loss
    "huber_loss" try_huber_loss(0.5)
    "smooth_l1_loss" try_smooth_l1_loss(0.5)
    "bce_with_logits" try_bce_with_logits
    "kl_div" try_kl_div
    "dice_loss" try_dice_loss(1.0)
    "euclidean_loss" try_euclidean_loss
    "atan2" try_atan2
    "xlogy" try_xlogy
    "logaddexp" try_logaddexp
};

pub const OTHERS: &[(&str, Try)] = &[
    ("matmul", |draw| {
        let ([a, b], [m, k, n]) = (leading(draw), [draw.size(), draw.size(), draw.size()]);
        let (a, b) = (draw.vast(&[&a[..], &[m, k]].concat()), draw.vast(&[&b[..], &[k, n]].concat()));
        a.try_matmul(b)
    }),
    ("addmm", |draw| {
        let ([a, b], [m, k, n]) = (leading(draw), [draw.size(), draw.size(), draw.size()]);
        let (a, b) = (draw.vast(&[&a[..], &[m, k]].concat()), draw.vast(&[&b[..], &[k, n]].concat()));
        let c = draw.tensor(&[m, n]);
        c.try_addmm(a, b, 0.5)
    }),
    ("einsum", |draw| {
        let [b, m, k, n] = [draw.size(), draw.size(), draw.size(), draw.size()];
        let (x, y) = (draw.tensor(&[b, m, k]), draw.tensor(&[n, k]));
        Var::try_einsum(["bmk,nk->mnb", "bmk,nk->bn", "bmk,nk->"][draw.below(3)], &[x, y])
    }),
    ("linear", |draw| {
        let (mut dims, [inputs, outputs]) = (draw.sizes(1..=2), [draw.size(), draw.size()]);
        dims.push(inputs);
        let (x, w, b) = (draw.vast(&dims), draw.vast(&[outputs, inputs]), draw.vast(&[outputs]));
        let bias = draw.flag().then_some(b);
        x.try_linear(w, bias)
    }),
    ("attention", |draw| {
        let [b, queries, keys, d, e] = [draw.size(), draw.size(), draw.size(), draw.size(), draw.size()];
        let (q, k, v) = (draw.tensor(&[b, queries, d]), draw.tensor(&[b, keys, d]), draw.tensor(&[b, keys, e]));
        let options = Attention { causal: draw.flag(), ..Attention::default() };
        q.try_attention(k, v, &options)
    }),
    ("bilinear_pool", |draw| {
        let dims = draw.sizes(4..=4);
        draw.tensor(&dims).try_bilinear_pool()
    }),
    ("layer_norm", |draw| {
        let (mut dims, width) = (draw.sizes(1..=2), draw.size());
        dims.push(width);
        let (x, gamma, beta) = (draw.tensor(&dims), draw.tensor(&[width]), draw.tensor(&[width]));
        x.try_layer_norm(gamma, beta, 1e-5)
    }),
    ("group_norm", |draw| {
        let [n, groups, each, size] = [draw.size(), draw.size(), draw.size(), draw.size()];
        let channels = groups * each;
        let x = draw.tensor(&[n, channels, size, 2]);
        let (gamma, beta) = (draw.tensor(&[channels]), draw.tensor(&[channels]));
        let groups = draw.number(groups);
        x.try_group_norm(groups, gamma, beta, 1e-5)
    }),
    ("batch_norm", |draw| {
        let [n, channels, size] = [1 + draw.size(), draw.size(), draw.size()];
        let x = draw.tensor(&[n, channels, size, 2]);
        let (gamma, beta) = (draw.tensor(&[channels]), draw.tensor(&[channels]));
        x.try_batch_norm(gamma, beta, 1e-5)
    }),
    ("prelu", |draw| {
        let (mut dims, channels) = (draw.sizes(1..=3), draw.size());
        dims.insert(1, channels);
        let (x, slope) = (draw.tensor(&dims), draw.tensor(&[channels]));
        x.try_prelu(slope)
    }),
    ("per_channel", |draw| {
        let (mut dims, channels) = (draw.sizes(1..=3), draw.size());
        dims.insert(1, channels);
        let (x, scale) = (draw.tensor(&dims), draw.tensor(&[channels]));
        scale.try_per_channel(x)
    }),
    ("l2_normalize", |draw| {
        let dims = draw.sizes(1..=3);
        let (x, axis) = (draw.tensor(&dims), draw.axis(dims.len()));
        x.try_l2_normalize(axis, 1e-12)
    }),
    ("cosine_similarity", |draw| {
        let (x, y) = two(draw);
        let axis = draw.axis(x.shape().dims().len().max(1));
        x.try_cosine_similarity(y, axis, 1e-12)
    }),
    ("angle", |draw| {
        let (x, y) = two(draw);
        let axis = draw.axis(x.shape().dims().len().max(1));
        x.try_angle(y, axis)
    }),
    ("cross_entropy", |draw| {
        let (x, labels) = scores(draw);
        x.try_cross_entropy(&labels)
    }),
    ("soft_cross_entropy", |draw| {
        let dims = draw.sizes(2..=4);
        let (x, target) = (draw.tensor(&dims), draw.tensor(&dims));
        x.try_soft_cross_entropy(target)
    }),
    ("nll_loss", |draw| {
        let (x, labels) = scores(draw);
        x.try_nll_loss(&labels)
    }),
    ("arcface_loss", |draw| {
        let [n, d, classes] = [draw.size(), draw.size(), draw.size()];
        let (x, w) = (draw.tensor(&[n, d]), draw.tensor(&[classes, d]));
        let labels = draw.places(n, classes);
        x.try_arcface_loss(w, &labels, 8.0, 0.5)
    }),
    ("select", |draw| {
        let (mask, a) = two(draw);
        let dims = a.shape().dims().to_vec();
        let b = draw.vast(&dims);
        mask.try_select(a, b)
    }),
];
