//! Convolutions with sizes at which careless arithmetic would read out of bounds: each error, word for word.

use wengert::{Error, Tape, functional::Conv3dSpec, ops::ConvSpec};

use crate::{fails, ones};

#[test]
fn a_convolution_refuses_what_cannot_be() {
    for tape in [Tape::new(), Tape::f64()] {
        let (x, w) = (ones(&tape, &[2, 2, 5, 5]), ones(&tape, &[4, 2, 3, 3]));
        let spec = ConvSpec::default();
        let fails = |need: &str, spec| fails(&format!("conv2d: {need}"), x.try_conv2d(w, None, spec));
        for (padding, shape) in
            [([0, 1 << 61], "[2, 4, 3, 4611686018427387907]"), ([1 << 61, 0], "[2, 4, 4611686018427387907, 3]")]
        {
            let need =
                format!("a tensor of shape {shape} does not fit into memory (made of [2, 2, 5, 5] and [4, 2, 3, 3])");
            fails(&need, ConvSpec { padding, ..spec });
        }
        fails(
            "a tensor of shape [2, 4, 1, 4611686018427387905] does not fit into memory (made of [2, 2, 5, 5] and [4, 2, 3, 3])",
            ConvSpec { padding: [0, 1 << 61], ..spec.dilation(2) },
        );
        for padding in [1 << 62, 1 << 63, usize::MAX] {
            fails(
                &format!(
                    "the image 5x5 padded by [0, {padding}] must be small enough to be counted, but got [2, 2, 5, 5] and [4, 2, 3, 3]"
                ),
                ConvSpec { padding: [0, padding], ..spec.stride(usize::MAX) },
            );
        }
        for dilation in [1 << 61, 1 << 63, (1 << 63) + 1, usize::MAX] {
            fails(
                &format!(
                    "the kernel 3x3 dilated by [{dilation}, 1] must fit into the image 5x5 padded by [0, 0], but got [2, 2, 5, 5] and [4, 2, 3, 3]"
                ),
                ConvSpec { dilation: [dilation, 1], ..spec },
            );
        }
        fails(
            &format!(
                "the 2 channels (axis 1) of the images must be the 2 channels (axis 1) of the kernels times {} groups, which must divide the 4 kernels (axis 0), but got [2, 2, 5, 5] and [4, 2, 3, 3]",
                (1usize << 63) + 1
            ),
            spec.groups((1 << 63) + 1),
        );
        // Two rows of taps so far apart that each sees one line of zeros and image at a time: the padded image is never
        // made.
        let wide = ones(&tape, &[1, 1, 1, 64]);
        let far = ConvSpec { padding: [1 << 60, 0], dilation: [1 << 61, 1], ..spec };
        let y = wide.conv2d(ones(&tape, &[1, 1, 2, 1]), None, far).value();
        assert_eq!((y.shape().dims(), y.to_vec()), (&[1, 1, 1, 64][..], vec![0.0; 64]));
        // Huge sizes next to a zero count, too: a product of some of them must not wrap.
        let none = ones(&tape, &[0, 2, 5, 5]);
        assert!(none.try_conv2d(w, None, ConvSpec { padding: [1 << 61, 0], ..spec }).is_err());
        let nothing = none.conv2d(w, None, ConvSpec { padding: [1 << 55, 0], ..spec });
        assert_eq!((nothing.shape().dims(), nothing.value().to_vec()), (&[0, 4, (1 << 56) + 3, 3][..], vec![]));
        // A single window is valid whatever the stride, and a kernel of one tap whatever the dilation.
        assert_eq!(x.conv2d(w, None, spec.stride(usize::MAX)).value().to_vec(), [18.0; 8]);
        let one = ones(&tape, &[1, 2, 1, 1]);
        assert_eq!(x.conv2d(one, None, spec.dilation(usize::MAX)).value().to_vec(), [2.0; 50]);
    }
}

/// Along each of its axes a convolution of volumes is one of images: of any geometry it gives the same, or an error. Unlike
/// that one it makes the volume padded in depth, for which there may be no memory.
#[test]
fn a_convolution_of_volumes_of_any_geometry_is_one_of_images_or_refused() {
    const VALUES: [usize; 9] = [0, 1, 2, 1 << 31, 1 << 32, 1 << 61, 1 << 62, 1 << 63, usize::MAX];
    for (axis, case) in (0..3).flat_map(|axis| (0..729).map(move |case| (axis, case))) {
        let tape = Tape::f64();
        let [stride, padding, dilation] = [case % 9, case / 9 % 9, case / 81].map(|i| VALUES[i]);
        let image = ConvSpec { stride: [stride, 1], padding: [padding, 0], dilation: [dilation, 1], groups: 1 };
        let plane = ones(&tape, &[1, 1, 3, 1]).try_conv2d(ones(&tape, &[1, 1, 2, 1]), None, image);
        let along = |value: usize, other: usize| std::array::from_fn(|k| if k == axis { value } else { other });
        let spec = Conv3dSpec {
            stride: along(stride, 1),
            padding: along(padding, 0),
            dilation: along(dilation, 1),
            groups: 1,
        };
        let shape = |size: usize| {
            let [d, h, w] = along(size, 1);
            [1, 1, d, h, w]
        };
        match (ones(&tape, &shape(3)).try_conv3d(ones(&tape, &shape(2)), None, spec), plane) {
            (Ok(volume), Ok(plane)) => {
                assert_eq!(volume.value().to_vec(), plane.value().to_vec(), "{spec:?}");
                let dx = volume.sum().backward();
                assert!(dx.is_ok(), "{spec:?}");
            }
            (Err(_), Err(_)) | (Err(Error::TooLarge { .. }), _) => {}
            (volume, plane) => panic!("{spec:?}: {:?} and {:?}", volume.err(), plane.err()),
        }
    }
}
