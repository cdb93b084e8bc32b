//! What moves, joins, picks and reduces.

use wengert::Var;

use super::{Draw, Try};

/// Where along an axis: a value drawn by `of`, the axis, and its size.
fn along<'t>(draw: &mut Draw<'t>, of: fn(&mut Draw<'t>) -> Var<'t>) -> (Var<'t>, isize, usize) {
    let x = of(draw);
    let rank = x.shape().dims().len();
    if rank == 0 {
        return (x, draw.signed(0), 1);
    }
    let axis = draw.axis(rank);
    let place = if axis < 0 { axis + rank as isize } else { axis };
    (x, axis, x.shape().dims().get(place as usize).copied().unwrap_or(1))
}

/// A value of one to four axes.
fn any<'t>(draw: &mut Draw<'t>) -> Var<'t> {
    let dims = draw.sizes(1..=4);
    draw.tensor(&dims)
}

/// The same, or one of more numbers than memory holds.
fn vast<'t>(draw: &mut Draw<'t>) -> Var<'t> {
    let dims = draw.sizes(1..=4);
    draw.vast(&dims)
}

fn rank(x: Var<'_>) -> usize {
    x.shape().dims().len()
}

/// A number below `count`, where there is one.
fn within(draw: &mut Draw<'_>, count: usize) -> usize {
    let fits = draw.below(count.clamp(1, 1 << 20));
    draw.number(fits)
}

/// The sums of all parts, of which there may be none.
fn all<'t>(whole: Var<'t>, parts: Vec<Var<'t>>) -> Var<'t> {
    parts.into_iter().map(|part| part.sum()).fold(whole.sum() * 0.0, |sum, part| sum + part)
}

macro_rules! axes {
    ($($name:literal $twin:ident $(($arg:expr))?)*) => {
        [$(($name, |draw| {
            let x = any(draw);
            let axes = draw.axes(rank(x));
            let keepdim = draw.flag();
            x.$twin(&axes $(, $arg)?, keepdim)
        })),*]
    };
}
macro_rules! axis {
    ($($name:literal $twin:ident)*) => {
        [$(($name, |draw| {
            let (x, axis, _) = along(draw, any);
            x.$twin(axis)
        })),*]
    };
}

pub const REDUCTIONS: [(&str, Try); 8] = axes! {
    "sum_axes" try_sum_axes
    "mean_axes" try_mean_axes
    "prod_axes" try_prod_axes
    "amax_axes" try_amax_axes
    "amin_axes" try_amin_axes
    "logsumexp_axes" try_logsumexp_axes
    "norm_axes" try_norm_axes
    "p_norm_axes" try_p_norm_axes(3.0)
};
pub const ROWS: [(&str, Try); 6] = axis! {
    "cumsum" try_cumsum
    "cumprod" try_cumprod
    "logcumsumexp" try_logcumsumexp
    "softmax" try_softmax
    "log_softmax" try_log_softmax
    "unsqueeze" try_unsqueeze
};
pub const OTHERS: &[(&str, Try)] = &[
    ("reshape", |draw| {
        let dims = draw.sizes(1..=4);
        let order = draw.order(dims.len());
        let x = draw.vast(&dims);
        let to = draw.numbers(&order.iter().map(|&axis| dims[axis]).collect::<Vec<_>>());
        x.try_reshape(to)
    }),
    ("permute", |draw| {
        let x = vast(draw);
        let axes: Vec<isize> = draw.order(rank(x)).into_iter().map(|axis| draw.signed(axis as isize)).collect();
        x.try_permute(&axes)
    }),
    ("transpose", |draw| {
        let x = vast(draw);
        let rank = rank(x).max(1);
        let (a, b) = (draw.axis(rank), draw.axis(rank));
        x.try_transpose(a, b)
    }),
    ("movedim", |draw| {
        let x = vast(draw);
        let rank = rank(x).max(1);
        let (from, to) = (draw.axis(rank), draw.axis(rank));
        x.try_movedim(from, to)
    }),
    ("flip", |draw| {
        let x = vast(draw);
        let axes = draw.axes(rank(x));
        x.try_flip(&axes)
    }),
    ("roll", |draw| {
        let (x, axis, size) = along(draw, vast);
        let shift = within(draw, size) as isize;
        x.try_roll(shift, axis)
    }),
    ("flatten", |draw| {
        let x = vast(draw);
        let from = within(draw, rank(x));
        x.try_flatten(from)
    }),
    ("squeeze", |draw| {
        let mut dims = draw.sizes(1..=4);
        let axis = draw.below(dims.len());
        dims[axis] = 1;
        let x = draw.vast(&dims);
        let axis = draw.signed(axis as isize);
        x.try_squeeze(&[axis])
    }),
    ("broadcast_to", |draw| {
        let full = draw.sizes(1..=4);
        let kept: Vec<usize> = full.iter().map(|&n| if draw.flag() { n } else { 1 }).collect();
        let x = draw.vast(&kept);
        let to = draw.numbers(&full);
        x.try_broadcast_to(to)
    }),
    ("sum_to", |draw| {
        let full = draw.sizes(1..=4);
        let kept: Vec<usize> = full.iter().map(|&n| if draw.flag() { n } else { 1 }).collect();
        let x = draw.tensor(&full);
        let to = draw.numbers(&kept);
        x.try_sum_to(&to.into())
    }),
    ("repeat", |draw| {
        let x = vast(draw);
        let times: Vec<usize> = (0..rank(x)).map(|_| draw.size()).collect();
        let times = draw.numbers(&times);
        x.try_repeat(&times)
    }),
    ("pad", |draw| {
        let x = vast(draw);
        let amounts: Vec<(usize, usize)> = (0..rank(x)).map(|_| (draw.below(3), draw.below(3))).collect();
        let mut amounts: Vec<_> = amounts.into_iter().map(|(a, b)| (draw.number(a), draw.number(b))).collect();
        if draw.number(0) != 0 {
            amounts.push((0, 1));
        }
        x.try_pad(&amounts, 0.5)
    }),
    ("slice", |draw| {
        let (x, axis, size) = along(draw, vast);
        let start = within(draw, size);
        let stop = start.saturating_add(1 + draw.below(size.saturating_sub(start).clamp(1, 8)));
        let (stop, step) = (draw.number(stop), draw.size());
        let step = draw.number(step);
        x.try_slice(axis, start, stop, step)
    }),
    ("narrow", |draw| {
        let (x, axis, size) = along(draw, vast);
        let start = within(draw, size);
        let len = 1 + draw.below(size.saturating_sub(start).clamp(1, 8));
        let len = draw.number(len);
        x.try_narrow(axis, start, len)
    }),
    ("split", |draw| {
        let (x, axis, size) = along(draw, any);
        let first = draw.below(size.clamp(1, 8));
        let sizes = draw.numbers(&[first, size.saturating_sub(first)]);
        x.try_split(&sizes, axis).map(|parts| all(x, parts))
    }),
    ("chunk", |draw| {
        let (x, axis, size) = along(draw, any);
        let count = 1 + draw.below(size.clamp(1, 8));
        let count = draw.number(count);
        x.try_chunk(count, axis).map(|parts| all(x, parts))
    }),
    ("unbind", |draw| {
        let (x, axis, _) = along(draw, any);
        x.try_unbind(axis).map(|parts| all(x, parts))
    }),
    ("concat", |draw| {
        let (x, axis, _) = along(draw, vast);
        let dims = x.shape().dims().to_vec();
        let other = draw.vast(&dims);
        Var::try_concat(&[x, other, x], axis)
    }),
    ("stack", |draw| {
        let x = vast(draw);
        let dims = x.shape().dims().to_vec();
        let (other, axis) = (draw.vast(&dims), draw.axis(dims.len() + 1));
        Var::try_stack(&[x, other], axis)
    }),
    ("gather", |draw| {
        let dims = draw.sizes(1..=3);
        let (place, mut shape) = (draw.below(dims.len()), dims.clone());
        shape[place] = draw.size();
        let (x, axis) = (draw.vast(&dims), draw.signed(place as isize));
        let indices = draw.places(shape.iter().product(), dims[place]);
        let shape = draw.numbers(&shape);
        x.try_gather(axis, &indices, shape)
    }),
    ("scatter_add", |draw| {
        let (x, axis, indices, source) = scattered(draw);
        x.try_scatter_add(axis, &indices, source)
    }),
    ("scatter", |draw| {
        let (x, axis, indices, source) = scattered(draw);
        x.try_scatter(axis, &indices, source)
    }),
    ("index_select", |draw| {
        let (x, axis, size) = along(draw, vast);
        let count = draw.size();
        let indices = draw.places(count, size.clamp(1, 1 << 20));
        x.try_index_select(axis, &indices)
    }),
    ("index_get", |draw| {
        let dims = draw.sizes(2..=3);
        let (x, count) = (draw.vast(&dims), draw.size());
        let (rows, columns) = (draw.places(count, dims[0]), draw.places(count, dims[1]));
        x.try_index_get(&[&rows, &columns])
    }),
    ("index_put", |draw| {
        let dims = draw.sizes(2..=2);
        let (x, count) = (draw.tensor(&dims), draw.size());
        let (rows, columns) = (draw.places(count, dims[0]), draw.places(count, dims[1]));
        let (values, accumulate) = (draw.tensor(&[count]), draw.flag());
        x.try_index_put(&[&rows, &columns], values, accumulate)
    }),
    ("masked_fill", |draw| {
        let dims = draw.sizes(1..=3);
        let (x, mask) = (draw.vast(&dims), draw.vast(&dims));
        x.try_masked_fill(mask, 2.0)
    }),
    ("masked_select", |draw| {
        let dims = draw.sizes(1..=3);
        let (x, mask) = (draw.tensor(&dims), draw.tensor(&dims));
        x.try_masked_select(mask)
    }),
    ("sort", |draw| {
        let (x, axis, _) = along(draw, vast);
        let descending = draw.flag();
        x.try_sort(axis, descending).map(|(values, _)| values)
    }),
    ("topk", |draw| {
        let (x, axis, size) = along(draw, vast);
        let k = 1 + draw.below(size.clamp(1, 8));
        let k = draw.number(k);
        x.try_topk(k, axis).map(|(values, _)| values)
    }),
    ("max_index", |draw| {
        let (x, axis, _) = along(draw, vast);
        let keepdim = draw.flag();
        x.try_max_index(axis, keepdim).map(|(values, _)| values)
    }),
    ("var_axes", |draw| {
        let x = any(draw);
        let axes = draw.axes(rank(x));
        x.try_var_axes(&axes, 0, true)
    }),
];

/// What a scatter needs: a value, an axis, and for each number of a source where along that axis it goes.
fn scattered<'t>(draw: &mut Draw<'t>) -> (Var<'t>, isize, Vec<usize>, Var<'t>) {
    let dims = draw.sizes(1..=3);
    let (place, mut shape) = (draw.below(dims.len()), dims.clone());
    shape[place] = draw.size();
    let (x, axis) = (draw.tensor(&dims), draw.signed(place as isize));
    let indices = draw.places(shape.iter().product(), dims[place]);
    (x, axis, indices, draw.tensor(&shape))
}
