//! Everything that slides over images: convolution and its transpose, pooling, unfolding and folding.

use proptest::prelude::*;
use wengert::{
    Tape,
    ops::{ConvSpec, Window},
};

use crate::{
    array::{Array, each_index},
    check::{Bound, agree},
    draw::{distinct, numbers, size},
    each_case,
};

/// How a kernel slides over an image, along y and x.
#[derive(Clone, Copy, Debug)]
struct Slide {
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    dilation: [usize; 2],
    image: [usize; 2],
}

fn slide(dilations: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Slide> {
    let pair = |range: std::ops::RangeInclusive<usize>| [range.clone(), range];
    (pair(1..=3), pair(1..=3), pair(0..=2), pair(dilations), pair(0..=4)).prop_map(
        |(kernel, stride, padding, dilation, more)| {
            // The smallest image that the kernel fits into (none at all, if there is enough padding), and some more.
            let image = [0, 1].map(|i| ((kernel[i] - 1) * dilation[i] + 1).saturating_sub(2 * padding[i]) + more[i]);
            Slide { kernel, stride, padding, dilation, image }
        },
    )
}

impl Slide {
    fn spec(&self, groups: usize) -> ConvSpec {
        ConvSpec { stride: self.stride, padding: self.padding, dilation: self.dilation, groups }
    }

    fn outputs(&self) -> [usize; 2] {
        [0, 1].map(|i| {
            let reach = (self.kernel[i] - 1) * self.dilation[i] + 1;
            (self.image[i] + 2 * self.padding[i] - reach) / self.stride[i] + 1
        })
    }

    /// Calls `f` with position, tap and pixel, wherever a tap sees a pixel.
    fn each(&self, f: impl FnMut([usize; 2], [usize; 2], [usize; 2])) {
        self.each_of(self.outputs(), f);
    }

    /// The same for the first `outputs` positions.
    fn each_of(&self, outputs: [usize; 2], mut f: impl FnMut([usize; 2], [usize; 2], [usize; 2])) {
        each_index(&[outputs[0], outputs[1], self.kernel[0], self.kernel[1]], |i| {
            let (position, tap) = ([i[0], i[1]], [i[2], i[3]]);
            let pixel = [0, 1].map(|k| {
                let padded = position[k] * self.stride[k] + tap[k] * self.dilation[k];
                padded.checked_sub(self.padding[k]).filter(|&at| at < self.image[k])
            });
            if let [Some(y), Some(x)] = pixel {
                f(position, tap, [y, x]);
            }
        });
    }
}

/// n, channels and kernels of a group, and the groups.
fn channels() -> impl Strategy<Value = [usize; 4]> {
    [size().boxed(), (0usize..=3).boxed(), (0usize..=3).boxed(), (1usize..=3).boxed()]
}

#[test]
fn convolutions() {
    each_case(
        400,
        (slide(1..=3), channels(), any::<bool>(), any::<u64>()),
        |(slide, [n, c, k, groups], biased, seed)| {
            let ([h, w], [kh, kw], [oh, ow]) = (slide.image, slide.kernel, slide.outputs());
            let mut x = vec![
                numbers(&[n, c * groups, h, w], seed, (-2.0, 2.0)),
                numbers(&[k * groups, c, kh, kw], seed ^ 1, (-2.0, 2.0)),
            ];
            if biased {
                x.push(numbers(&[k * groups], seed ^ 2, (-2.0, 2.0)));
            }
            let spec = slide.spec(groups);
            agree(
                &format!("conv2d {spec:?}"),
                &x,
                Bound::Terms(c * kh * kw + 2),
                |x| x[0].conv2d(x[1], x.get(2).copied(), spec),
                |x| {
                    let mut y =
                        Array::from_fn(&[n, k * groups, oh, ow], |i| x.get(2).map_or(0.0, |bias| bias.at(&[i[1]])));
                    slide.each(|p, t, at| {
                        each_index(&[n, k * groups, c], |i| {
                            let channel = i[1] / k * c + i[2];
                            *y.entry(&[i[0], i[1], p[0], p[1]]) +=
                                x[0].at(&[i[0], channel, at[0], at[1]]) * x[1].at(&[i[1], i[2], t[0], t[1]]);
                        })
                    });
                    y
                },
            )?;
            Ok(())
        },
    );
}

#[test]
fn transposed_convolutions() {
    each_case(
        400,
        (slide(1..=3), channels(), any::<bool>(), [0usize..4, 0..4], any::<u64>()),
        |(slide, [n, c, k, groups], biased, behind, seed)| {
            // The adjoint of the convolution of such an image: what its stride leaves over is the output padding. Padded
            // further, it has rows that the convolution does not see from the outputs that there are.
            let ([h, w], [kh, kw], [oh, ow]) = (slide.image, slide.kernel, slide.outputs());
            let further = Slide { image: [h + behind[0], w + behind[1]], ..slide };
            let [h, w] = further.image;
            let more = [0, 1].map(|i| {
                let reach = (slide.kernel[i] - 1) * slide.dilation[i] + 1;
                (slide.image[i] + 2 * slide.padding[i] - reach) % slide.stride[i] + behind[i]
            });
            let mut x = vec![
                numbers(&[n, c * groups, oh, ow], seed, (-2.0, 2.0)),
                numbers(&[c * groups, k, kh, kw], seed ^ 1, (-2.0, 2.0)),
            ];
            if biased {
                x.push(numbers(&[k * groups], seed ^ 2, (-2.0, 2.0)));
            }
            let spec = slide.spec(groups);
            let what = format!("conv_transpose2d {spec:?} output padding {more:?}");
            agree(
                &what,
                &x,
                Bound::Terms(c * kh * kw + 2),
                |x| x[0].try_conv_transpose2d(x[1], x.get(2).copied(), spec, more).unwrap(),
                |x| {
                    let mut y =
                        Array::from_fn(&[n, k * groups, h, w], |i| x.get(2).map_or(0.0, |bias| bias.at(&[i[1]])));
                    further.each_of([oh, ow], |p, t, at| {
                        each_index(&[n, c * groups, k], |i| {
                            let channel = i[1] / c * k + i[2];
                            *y.entry(&[i[0], channel, at[0], at[1]]) +=
                                x[0].at(&[i[0], i[1], p[0], p[1]]) * x[1].at(&[i[1], i[2], t[0], t[1]]);
                        })
                    });
                    y
                },
            )?;
            Ok(())
        },
    );
}

#[test]
fn unfolding_and_folding() {
    each_case(400, (slide(1..=3), channels(), any::<u64>()), |(slide, [n, c, ..], seed)| {
        let ([h, w], [kh, kw], [oh, ow]) = (slide.image, slide.kernel, slide.outputs());
        let spec = slide.spec(1);
        let entry = |i: usize, channel: usize, p: [usize; 2], t: [usize; 2]| {
            [i, (channel * kh + t[0]) * kw + t[1], p[0] * ow + p[1]]
        };
        let x = [numbers(&[n, c, h, w], seed, (-2.0, 2.0))];
        agree(
            &format!("unfold {spec:?}"),
            &x,
            Bound::Terms(1),
            |x| x[0].unfold(slide.kernel, spec),
            |x| {
                let mut y = Array::zeros(&[n, c * kh * kw, oh * ow]);
                slide.each(|p, t, at| {
                    each_index(&[n, c], |i| {
                        *y.entry(&entry(i[0], i[1], p, t)) = x[0].at(&[i[0], i[1], at[0], at[1]]);
                    })
                });
                y
            },
        )?;
        let x = [numbers(&[n, c * kh * kw, oh * ow], seed, (-2.0, 2.0))];
        agree(
            &format!("fold {spec:?}"),
            &x,
            Bound::Terms(kh * kw + 1),
            |x| x[0].fold([n, c, h, w], slide.kernel, spec),
            |x| {
                let mut y = Array::zeros(&[n, c, h, w]);
                slide.each(|p, t, at| {
                    each_index(&[n, c], |i| {
                        *y.entry(&[i[0], i[1], at[0], at[1]]) += x[0].at(&entry(i[0], i[1], p, t));
                    })
                });
                y
            },
        )?;
        Ok(())
    });
}

#[test]
fn pooling() {
    each_case(400, (slide(1..=1), size(), size(), any::<u64>()), |(slide, n, c, seed)| {
        // Padding is at most half of the window, and each window holds a pixel.
        let mut slide = slide;
        for i in [0, 1] {
            slide.padding[i] = slide.padding[i].min(slide.kernel[i] / 2);
            slide.image[i] = slide.image[i].max(slide.kernel[i] - 2 * slide.padding[i]).max(1);
        }
        let ([h, w], [oh, ow]) = (slide.image, slide.outputs());
        let window = Window { kernel: slide.kernel, stride: slide.stride, padding: slide.padding };
        let x = [distinct(&[n, c, h, w], seed)];
        agree(
            &format!("max_pool2d {window:?}"),
            &x,
            Bound::Size(4.0),
            |x| x[0].max_pool2d(window),
            |x| {
                let mut y = Array::zeros(&[n, c, oh, ow]).map(|_| f64::NEG_INFINITY);
                slide.each(|p, _, at| {
                    each_index(&[n, c], |i| {
                        let best = y.entry(&[i[0], i[1], p[0], p[1]]);
                        *best = best.max(x[0].at(&[i[0], i[1], at[0], at[1]]));
                    })
                });
                y
            },
        )?;
        for count_padding in [true, false] {
            let what = format!("avg_pool2d {window:?}, padding counted: {count_padding}");
            agree(
                &what,
                &x,
                Bound::Terms(slide.kernel[0] * slide.kernel[1] + 2),
                |x| x[0].avg_pool2d(window, count_padding),
                |x| {
                    let (mut sum, mut count) = (Array::zeros(&[n, c, oh, ow]), Array::zeros(&[oh, ow]));
                    slide.each(|p, _, at| {
                        *count.entry(&p) += 1.0;
                        each_index(&[n, c], |i| {
                            *sum.entry(&[i[0], i[1], p[0], p[1]]) += x[0].at(&[i[0], i[1], at[0], at[1]])
                        });
                    });
                    let all = (slide.kernel[0] * slide.kernel[1]) as f64;
                    sum.zip(&count, |sum, count| sum / if count_padding { all } else { count })
                },
            )?;
        }
        Ok(())
    });
}

#[test]
fn pooling_of_images_without_pixels_is_refused() {
    let tape = Tape::f64();
    let x = tape.leaf(Array::zeros(&[2, 3, 0, 4]).tensor());
    let window = Window::square(2).padding(1);
    for got in [x.try_max_pool2d(window), x.try_avg_pool2d(window, false), x.try_avg_pool2d(window, true)] {
        let error = got.expect_err("a window over no pixel has neither a largest number nor a mean").to_string();
        assert!(
            error.ends_with("images [n, c, h, w] of at least one pixel are needed, but got [2, 3, 0, 4]"),
            "{error}"
        );
    }
}
