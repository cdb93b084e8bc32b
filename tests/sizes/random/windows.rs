//! Convolutions, pools and other operations whose windows slide.

use wengert::{
    functional::{Conv3dSpec, Interpolate, Pool},
    ops::{ConvSpec, Window},
};

use super::{Draw, Try};
use crate::windows::Line;

/// A window along one axis, and a size into which it fits.
fn line(draw: &mut Draw<'_>, dilated: bool) -> Line {
    let (kernel, stride) = (1 + draw.below(3), draw.size());
    // With padding, a dilated window may see nothing but padding.
    let dilation = if dilated { 1 + draw.below(2) } else { 1 };
    let padding = if dilation == 1 { draw.below(kernel / 2 + 1) } else { 0 };
    let reach = (kernel - 1) * dilation + 1;
    Line { size: reach.saturating_sub(2 * padding).max(1) + draw.below(4), kernel, stride, padding, dilation }
}

/// The geometry along each of `N` axes, with settings that may be replaced.
struct Geometry<const N: usize> {
    size: [usize; N],
    kernel: [usize; N],
    stride: [usize; N],
    padding: [usize; N],
    dilation: [usize; N],
}

fn geometry<const N: usize>(draw: &mut Draw<'_>, dilated: bool) -> Geometry<N> {
    let lines: [Line; N] = std::array::from_fn(|_| line(draw, dilated));
    Geometry {
        size: std::array::from_fn(|k| lines[k].size),
        kernel: std::array::from_fn(|k| lines[k].kernel),
        stride: std::array::from_fn(|k| draw.number(lines[k].stride)),
        padding: std::array::from_fn(|k| draw.number(lines[k].padding)),
        dilation: std::array::from_fn(|k| if dilated { draw.number(lines[k].dilation) } else { 1 }),
    }
}

impl Geometry<2> {
    fn spec(&self, groups: usize) -> ConvSpec {
        ConvSpec { stride: self.stride, padding: self.padding, dilation: self.dilation, groups }
    }

    fn window(&self, draw: &mut Draw<'_>) -> Window {
        Window { kernel: draw.pair(self.kernel), stride: self.stride, padding: self.padding }
    }
}

/// Images, channels of a group, groups, and kernels of a group.
fn counts(draw: &mut Draw<'_>) -> [usize; 4] {
    [draw.size(), 1 + draw.below(2), 1 + draw.below(2), 1 + draw.below(2)]
}

pub const TABLE: &[(&str, Try)] = &[
    ("conv2d", |draw| {
        let ([n, channels, groups, kernels], at) = (counts(draw), geometry::<2>(draw, true));
        let [[h, w], [kh, kw]] = [at.size, at.kernel];
        let (x, bias) = (draw.vast(&[n, channels * groups, h, w]), draw.tensor(&[kernels * groups]));
        let (weight, groups) = (draw.tensor(&[kernels * groups, channels, kh, kw]), draw.number(groups));
        let bias = draw.flag().then_some(bias);
        x.try_conv2d(weight, bias, at.spec(groups))
    }),
    ("conv1d", |draw| {
        let ([n, channels, groups, kernels], at) = (counts(draw), geometry::<2>(draw, true));
        let x = draw.vast(&[n, channels * groups, at.size[1]]);
        let (weight, groups) = (draw.tensor(&[kernels * groups, channels, at.kernel[1]]), draw.number(groups));
        let at =
            Geometry { stride: [1, at.stride[1]], padding: [0, at.padding[1]], dilation: [1, at.dilation[1]], ..at };
        x.try_conv1d(weight, None, at.spec(groups))
    }),
    ("conv3d", |draw| {
        let ([n, channels, groups, kernels], at) = (counts(draw), geometry::<3>(draw, true));
        let [[d, h, w], [kd, kh, kw]] = [at.size, at.kernel];
        let x = draw.vast(&[n, channels * groups, d, h, w]);
        let (weight, groups) = (draw.tensor(&[kernels * groups, channels, kd, kh, kw]), draw.number(groups));
        let spec = Conv3dSpec { stride: at.stride, padding: at.padding, dilation: at.dilation, groups };
        x.try_conv3d(weight, None, spec)
    }),
    ("conv_transpose2d", |draw| {
        let ([n, channels, groups, kernels], at) = (counts(draw), geometry::<2>(draw, true));
        // Padding takes away from the result, of which some must be left.
        let [[h, w], [kh, kw]] = [at.size.map(|n| n + 2), at.kernel];
        let x = draw.vast(&[n, kernels * groups, h, w]);
        let (weight, groups) = (draw.tensor(&[kernels * groups, channels, kh, kw]), draw.number(groups));
        let more = draw.pair([0, 0]);
        x.try_conv_transpose2d(weight, None, at.spec(groups), more)
    }),
    ("local_conv2d", |draw| {
        let ([n, channels, _, kernels], at) = (counts(draw), geometry::<2>(draw, true));
        let out: [usize; 2] = std::array::from_fn(|k| {
            let reach = (at.kernel[k] - 1).saturating_mul(at.dilation[k]).saturating_add(1);
            let padded = at.padding[k].saturating_mul(2).saturating_add(at.size[k]);
            (padded.saturating_sub(reach) / at.stride[k].max(1) + 1).min(8)
        });
        let x = draw.vast(&[n, channels, at.size[0], at.size[1]]);
        let weight = draw.tensor(&[out[0], out[1], kernels, channels, at.kernel[0], at.kernel[1]]);
        let bias = draw.tensor(&[kernels, out[0], out[1]]);
        let (bias, groups) = (draw.flag().then_some(bias), draw.number(1));
        x.try_local_conv2d(weight, bias, at.spec(groups))
    }),
    ("unfold", |draw| {
        let ([n, channels, _, _], at) = (counts(draw), geometry::<2>(draw, true));
        let (x, kernel) = (draw.vast(&[n, channels, at.size[0], at.size[1]]), draw.pair(at.kernel));
        x.try_unfold(kernel, at.spec(1))
    }),
    ("fold", |draw| {
        let ([n, channels, _, _], at) = (counts(draw), geometry::<2>(draw, true));
        // The columns of windows side by side without padding, which are as many as there are pixels.
        let [h, w] = at.size;
        let columns = draw.tensor(&[n, channels, h * w]);
        let (image, kernel) = (draw.pair([h, w]), draw.pair([1, 1]));
        let spec = ConvSpec { stride: draw.pair([1, 1]), padding: draw.pair([0, 0]), ..ConvSpec::default() };
        columns.try_fold([n, channels, image[0], image[1]], kernel, spec)
    }),
    ("max_pool2d", |draw| {
        let ([n, channels, _, _], at) = (counts(draw), geometry::<2>(draw, false));
        let (x, window) = (draw.vast(&[n, channels, at.size[0], at.size[1]]), at.window(draw));
        x.try_max_pool2d(window)
    }),
    ("avg_pool2d", |draw| {
        let ([n, channels, _, _], at) = (counts(draw), geometry::<2>(draw, false));
        let (x, window) = (draw.vast(&[n, channels, at.size[0], at.size[1]]), at.window(draw));
        let count_padding = draw.flag();
        x.try_avg_pool2d(window, count_padding)
    }),
    ("max_pool1d", |draw| {
        let ([n, channels, _, _], at) = (counts(draw), geometry::<2>(draw, false));
        let (x, window) = (draw.vast(&[n, channels, at.size[1]]), at.window(draw));
        let [kernel, stride, padding] = [window.kernel, window.stride, window.padding].map(|of| of[1]);
        x.try_max_pool1d(Window { kernel: [1, kernel], stride: [1, stride], padding: [0, padding] })
    }),
    ("max_pool2d", |draw| {
        let ([n, channels, _, _], at) = (counts(draw), geometry::<2>(draw, true));
        let (x, window) = (draw.vast(&[n, channels, at.size[0], at.size[1]]), at.window(draw));
        x.try_max_pool2d_with(&Pool { dilation: at.dilation, ceil_mode: draw.flag(), ..window.into() })
    }),
    ("avg_pool2d", |draw| {
        let ([n, channels, _, _], at) = (counts(draw), geometry::<2>(draw, false));
        let (x, window) = (draw.vast(&[n, channels, at.size[0], at.size[1]]), at.window(draw));
        x.try_avg_pool2d_with(&Pool { ceil_mode: draw.flag(), count_padding: draw.flag(), ..window.into() })
    }),
    ("adaptive_avg_pool2d", |draw| {
        let dims = draw.sizes(4..=4);
        let size = [1 + draw.below(dims[2]), 1 + draw.below(dims[3])];
        let (x, size) = (draw.tensor(&dims), draw.pair(size));
        x.try_adaptive_avg_pool2d(size)
    }),
    ("adaptive_max_pool2d", |draw| {
        let dims = draw.sizes(4..=4);
        let size = [1 + draw.below(dims[2]), 1 + draw.below(dims[3])];
        let (x, size) = (draw.tensor(&dims), draw.pair(size));
        x.try_adaptive_max_pool2d(size)
    }),
    ("interpolate", |draw| {
        let dims = draw.sizes(4..=4);
        let (x, size) = (draw.tensor(&dims), [draw.size(), draw.size()]);
        let to = Interpolate::size(draw.pair(size));
        let to = [to, to.bilinear(), to.bicubic(), to.bilinear().align_corners()][draw.below(4)];
        x.try_interpolate(&to)
    }),
];
