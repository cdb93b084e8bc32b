//! Rules that lose something: the border of an image, the whole gradient, the call that a value belongs to, the second
//! derivative.

use std::sync::Mutex;

use wengert::{
    Backward, Function, Result, Tensor, Var,
    check::{self, Report},
    ops::ConvSpec,
};

use crate::entry::{Entry, numbers};

pub fn entries() -> Vec<Entry> {
    vec![
        Entry {
            name: "a convolution's gradient without its padding",
            source: "the untested branch of HomericIntelligence/Odyssey#3817",
            expected: "wrong in a region",
            lesson: "the inner pixels are right, and so are all tests without padding",
            wrong: || image(Convolution { mended: false }),
            mended: || image(Convolution { mended: true }),
        },
        Entry {
            name: "a fused layer norm without a gradient",
            source: "huggingface/candle#2168, #3568, #3569, #3613",
            expected: "no gradient",
            lesson: "the loss still falls, since layers behind it learn; those before it never move",
            wrong: || check::function(LayerNorm { mended: false }, &[numbers([3, 4], -1.0, 2.0)]).run(),
            mended: || check::function(LayerNorm { mended: true }, &[numbers([3, 4], -1.0, 2.0)]).run(),
        },
        Entry {
            name: "a value saved on the function itself",
            source: "pytorch/pytorch#16947, #821",
            expected: "stale value",
            lesson: "right as long as every forward is followed by its own backward; applied twice, the second wins",
            wrong: || check::function(OnSelf(Mutex::new(None)), &[numbers([4], -1.0, 1.0)]).run(),
            mended: || check::function(InMemory, &[numbers([4], -1.0, 1.0)]).run(),
        },
        Entry {
            name: "a saved intermediate as a plain number",
            source: "pytorch/pytorch#58509, open as #104040",
            expected: "forgotten path",
            lesson: "the first derivative is right, the second silently is not. What `forward_and_save` keeps is \
                     recorded, so here one has to detach it to make the mistake",
            wrong: || check::function(Detached, &[numbers([4], -1.0, 1.0)]).run(),
            mended: || check::function(InMemory, &[numbers([4], -1.0, 1.0)]).run(),
        },
    ]
}

fn image(rule: Convolution) -> Result<Report> {
    check::function(rule, &[numbers([2, 1, 5, 6], -1.0, 1.0)]).run()
}

/// The correlation of an image with a fixed 3 by 3 kernel, with a border of zeros, which keeps the size.
struct Convolution {
    mended: bool,
}

impl Convolution {
    fn kernel<'t>(&self, x: Var<'t>) -> Var<'t> {
        x.tape().constant(numbers([1, 1, 3, 3], -1.0, 1.0))
    }
}

impl Function for Convolution {
    fn name(&self) -> &str {
        "convolution"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0].conv2d(self.kernel(x[0]), None, ConvSpec::default().padding(1))]
    }

    fn backward<'t>(&self, Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let turned = self.kernel(x[0]).flip(&[2, 3]);
        let dx = match self.mended {
            true => dz[0].conv2d(turned, None, ConvSpec::default().padding(1)),
            false => dz[0].conv2d(turned, None, ConvSpec::default()).pad(&[(0, 0), (0, 0), (1, 1), (1, 1)], 0.0),
        };
        vec![Some(dx)]
    }
}

/// (x − mean) / deviation of each row, as one operation.
struct LayerNorm {
    mended: bool,
}

impl Function for LayerNorm {
    fn name(&self) -> &str {
        "fused layer norm"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        let centered = x[0] - x[0].mean_axes(&[1], true);
        vec![centered / deviation(centered)]
    }

    fn backward<'t>(&self, Backward { x, z, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        if !self.mended {
            return vec![None];
        }
        let (x, z, dz) = (x[0], z[0], dz[0]);
        let along = z * (dz * z).mean_axes(&[1], true);
        vec![Some((dz - dz.mean_axes(&[1], true) - along) / deviation(x - x.mean_axes(&[1], true)))]
    }
}

/// √mean(x²) of each row.
fn deviation(centered: Var<'_>) -> Var<'_> {
    (centered * centered).mean_axes(&[1], true).sqrt()
}

/// z = (2x)² with dx = 4 (2x) dz, where 2x is stored in the function itself.
struct OnSelf(Mutex<Option<Tensor>>);

impl Function for OnSelf {
    fn name(&self) -> &str {
        "square, saved on itself"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        let twice = x[0] * 2.0;
        *self.0.lock().expect("no panic while it is locked") = Some(twice.value());
        vec![twice * twice]
    }

    fn backward<'t>(&self, Backward { dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        let saved = self.0.lock().expect("no panic while it is locked");
        let twice = dz[0].tape().constant(saved.as_ref().expect("forward comes first"));
        vec![Some(dz[0] * twice * 4.0)]
    }
}

/// The same with 2x as a saved value.
struct InMemory;

impl Function for InMemory {
    fn name(&self) -> &str {
        "square, saved in memory"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        self.forward_and_save(x).0
    }

    fn forward_and_save<'t>(&self, x: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        let twice = x[0] * 2.0;
        (vec![twice * twice], vec![twice])
    }

    fn backward<'t>(&self, Backward { dz, saved, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        vec![Some(dz[0] * saved[0] * 4.0)]
    }
}

/// The same with 2x as a saved value, but as a plain number.
struct Detached;

impl Function for Detached {
    fn name(&self) -> &str {
        "square, saved as a number"
    }

    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        InMemory.forward(x)
    }

    fn forward_and_save<'t>(&self, x: &[Var<'t>]) -> (Vec<Var<'t>>, Vec<Var<'t>>) {
        let (outputs, saved) = InMemory.forward_and_save(x);
        (outputs, vec![saved[0].detach()])
    }

    fn backward<'t>(&self, at: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        InMemory.backward(at)
    }
}
