//! Convolutions and pools in one, two and three directions.

use super::{Call, Results};
use crate::call::Arg;
use wengert::Var;
use wengert::functional::{Conv3dSpec, Pool};
use wengert::ops::ConvSpec;

pub fn run<'t>(op: &str, c: &Call<'t>) -> Results<'t> {
    let x = c.maybe(0, "")?;
    Some(vec![match op {
        "conv1d" | "conv2d" | "conv3d" => convolution(c, x)?,
        "conv_transpose1d" | "conv_transpose2d" => transposed(c, x),
        "nn.functional.unfold" => {
            let spec = ConvSpec {
                dilation: c.sizes(2, "dilation", 1),
                padding: c.sizes(3, "padding", 0),
                stride: c.sizes(4, "stride", 1),
                groups: 1,
            };
            x.unfold(c.sizes(1, "kernel_size", 1), spec)
        }
        "max_pool1d" | "max_pool2d" | "max_pool3d" => pooled::<true>(op, c, x),
        "avg_pool1d" | "avg_pool2d" | "avg_pool3d" => pooled::<false>(op, c, x),
        "adaptive_avg_pool1d" | "adaptive_avg_pool2d" | "adaptive_avg_pool3d" => adaptive(op, c, x),
        "adaptive_max_pool1d" | "adaptive_max_pool2d" | "adaptive_max_pool3d" => adaptive(op, c, x),
        "max_pool2d_with_indices_backward" => {
            let y = pooled::<true>("max_pool2d", c, x);
            c.tape.grad(y.sum(), &[x]).ok()?[0]
        }
        _ if op.starts_with("max_unpool") => {
            let (n, whole) = (axes_of(op), c.places(9, "output_size"));
            let sizes = &whole[whole.len() - n..];
            let lead = x.rank() - n;
            let shape: Vec<usize> = x.shape()[..lead].iter().chain(sizes).copied().collect();
            let zeros = c.full(&shape[..], 0.0).flatten(lead);
            zeros.scatter(-1, &c.places(1, ""), x.flatten(lead)).reshape(&shape[..])
        }
        _ => return None,
    }])
}

fn axes_of(op: &str) -> usize {
    ["1d", "2d", "3d"].iter().position(|n| op.contains(n)).unwrap() + 1
}

/// With a batch axis, for a single observation.
fn batched<'t>(x: Var<'t>, rank: usize, f: impl FnOnce(Var<'t>) -> Var<'t>) -> Var<'t> {
    if x.rank() == rank { f(x) } else { f(x.unsqueeze(0)).squeeze(&[0]) }
}

fn convolution<'t>(c: &Call<'t>, x: Var<'t>) -> Option<Var<'t>> {
    let (w, bias) = (c.x(1), c.maybe(2, "bias"));
    let n = w.rank() - 2;
    let (stride, dilation): ([usize; 3], [usize; 3]) = (c.sizes(3, "stride", 1), c.sizes(5, "dilation", 1));
    let groups = c.int(6, "groups", 1) as usize;
    let same = c.text(4, "padding", "") == "same";
    let reach: Vec<usize> = (0..n).map(|k| dilation[k] * (w.shape()[k + 2] - 1)).collect();
    let padding: [usize; 3] =
        if same || c.text(4, "padding", "") == "valid" { [0; 3] } else { c.sizes(4, "padding", 0) };
    Some(batched(x, n + 2, |x| {
        // "same" puts the odd zero at the end.
        let mut amounts = vec![(0, 0); n + 2];
        (0..n).filter(|_| same).for_each(|k| amounts[k + 2] = (reach[k] / 2, reach[k] - reach[k] / 2));
        let x = if same { x.pad(&amounts, 0.0) } else { x };
        let two = |a: [usize; 3]| if n == 1 { [a[0], a[0]] } else { [a[0], a[1]] };
        let spec = ConvSpec { stride: two(stride), padding: two(padding), dilation: two(dilation), groups };
        match n {
            1 => x.conv1d(w, bias, spec),
            2 => x.conv2d(w, bias, spec),
            _ => x.conv3d(w, bias, Conv3dSpec { stride, padding, dilation, groups }),
        }
    }))
}

fn transposed<'t>(c: &Call<'t>, x: Var<'t>) -> Var<'t> {
    let (w, bias) = (c.x(1), c.maybe(2, "bias"));
    let line = w.rank() == 3;
    let of = |i, name, default| {
        let [a, b]: [usize; 2] = c.sizes(i, name, default);
        if line { [default, a] } else { [a, b] }
    };
    let groups = c.int(6, "groups", 1) as usize;
    let spec =
        ConvSpec { stride: of(3, "stride", 1), padding: of(4, "padding", 0), dilation: of(7, "dilation", 1), groups };
    let more = of(5, "output_padding", 0);
    batched(x, w.rank(), |x| match line {
        true => x.unsqueeze(2).conv_transpose2d(w.unsqueeze(2), bias, spec, more).squeeze(&[2]),
        false => x.conv_transpose2d(w, bias, spec, more),
    })
}

/// Images, from what has one, two or three axes to pool; three are pooled in two steps.
fn pooled<'t, const MAX: bool>(op: &str, c: &Call<'t>, x: Var<'t>) -> Var<'t> {
    let n = axes_of(op);
    let kernel: [usize; 3] = c.sizes(1, "kernel_size", 1);
    let stride: [usize; 3] = match c.places(2, "stride") {
        given if given.is_empty() => kernel,
        _ => c.sizes(2, "stride", 1),
    };
    let padding: [usize; 3] = c.sizes(3, "padding", 0);
    let dilation: [usize; 3] = if MAX { c.sizes(4, "dilation", 1) } else { [1; 3] };
    let ceil_mode = if MAX { c.flag(5, "ceil_mode", false) } else { c.flag(4, "ceil_mode", false) };
    let count_padding = c.flag(5, "count_include_pad", true);
    let divisor = matches!(c.get(6, "divisor_override"), Arg::Number(_)).then(|| c.float(6, "divisor_override", 1.0));
    let pool = |a: Option<usize>, b: usize| {
        let of = |list: [usize; 3], none: usize| [a.map_or(none, |a| list[a]), list[b]];
        Pool {
            kernel: of(kernel, 1),
            stride: of(stride, 1),
            padding: of(padding, 0),
            dilation: of(dilation, 1),
            ceil_mode,
            count_padding,
            divisor: if MAX { None } else { divisor },
        }
    };
    let apply = |x: Var<'t>, pool: &Pool| if MAX { x.max_pool2d_with(pool) } else { x.avg_pool2d_with(pool) };
    batched(x, n + 2, |x| match n {
        1 => apply(x.unsqueeze(2), &pool(None, 0)).squeeze(&[2]),
        2 => apply(x, &pool(Some(0), 1)),
        _ => {
            let shape = x.shape();
            let planes = apply(x.reshape([shape[0] * shape[1], shape[2], shape[3], shape[4]]), &pool(Some(1), 2));
            let (h, w) = (planes.shape()[2], planes.shape()[3]);
            // A divisor is taken once.
            let depth = Pool { divisor: divisor.filter(|_| !MAX).map(|_| 1.0), ..pool(None, 0) };
            let columns = planes.reshape([shape[0] * shape[1], 1, shape[2], h * w]).transpose(2, 3);
            let y = apply(columns, &depth).transpose(2, 3);
            let d = y.shape()[2];
            y.reshape([shape[0], shape[1], d, h, w])
        }
    })
}

fn adaptive<'t>(op: &str, c: &Call<'t>, x: Var<'t>) -> Var<'t> {
    let n = axes_of(op);
    let given: Vec<Option<usize>> = match c.get(1, "output_size") {
        Arg::List(sizes) => sizes.iter().map(|size| size.numbers().map(|n| n[0] as usize)).collect(),
        arg => vec![arg.numbers().map(|n| n[0] as usize); n],
    };
    batched(x, n + 2, |x| {
        let size = |k: usize| given[k].unwrap_or(x.shape()[k + 2]);
        let to = |x: Var<'t>, size| {
            if op.contains("max") { x.adaptive_max_pool2d(size) } else { x.adaptive_avg_pool2d(size) }
        };
        match n {
            1 => to(x.unsqueeze(2), [1, size(0)]).squeeze(&[2]),
            2 => to(x, [size(0), size(1)]),
            _ => {
                let shape = x.shape();
                let planes = to(x.reshape([shape[0], shape[1] * shape[2], shape[3], shape[4]]), [size(1), size(2)]);
                let lines = planes.reshape([shape[0], shape[1], shape[2], size(1) * size(2)]);
                to(lines, [size(0), size(1) * size(2)]).reshape([shape[0], shape[1], size(0), size(1), size(2)])
            }
        }
    })
}
