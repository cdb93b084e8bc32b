//! The gradients of a convolution.
//!
//! dx is found image by image. dw and that of a bias are sums over all images: each group of images has sums of its own, which
//! are added in the order of the groups. Both read dy, so [`Conv2d::backward`] takes a few images at a time and finds both
//! while their dy is in the cache. Where dy or x is a chain, it is computed there, and never written out.

use std::ops::Range;

use super::{
    Conv2d,
    plan::{Plan, Sums},
};
use crate::kernels::{
    Real,
    elementwise::Total,
    matmul::product,
    matrix::{MatMut, MatRef},
    parallel,
    program::Pieces,
    scratch::with_scratch,
    shifted::{Adjoint, Shifted},
    simd, squares,
};

/// At most this many bytes of partial weight gradients.
const PARTIALS: usize = 1 << 23;
/// Groups of images, where there is room for their partial gradients: as many as threads could use.
const GROUPS: usize = 16;
/// With fewer images, sums in [`squares`] have larger errors than all products, those of the transforms. With so many, what is
/// lost in adding up groups is more, and there in double precision.
const MANY: usize = 4 * GROUPS;
/// More weights than this leave too few groups to share out dx as well.
const FEW: usize = 1 << 18;
/// Of kernels with more terms than this, and with strides of more filters than this, weight gradients are found by unfolding, which
/// then costs little beside the products.
const TERMS: usize = 1024;
const FILTERS: usize = 64;

/// The convolution of dy with turned kernels that gives dx.
struct Turned<'a, T> {
    plan: Plan,
    sums: &'a Sums,
    w: &'a [T],
}

/// How dw is found.
enum Weight {
    Squares(squares::Weight),
    Shifted(Shifted),
    Unfolded,
}

impl Conv2d {
    /// `dx [n, c_in, h, w]` from `w` and the upstream gradient `dy [n, c_out, out_h, out_w]`.
    pub fn grad_input<T: Real>(&self, w: &[T], dy: &[T], dx: &mut [T]) {
        let plan = self.plan::<T>();
        debug_assert!(dy.len() == self.n * plan.output && dx.len() == self.n * plan.image, "{self:?}");
        self.with_adjoint(w, true, |adjoint| {
            parallel::each_chunk(dx, plan.images * plan.image, plan.work, |chunk, dx| {
                plan.input(adjoint, w, &dy[(chunk * plan.images * plan.output).min(dy.len())..], dx);
            });
        });
    }

    /// `dw [c_out, c_in / groups, kh, kw]` from `x` and the upstream gradient `dy`.
    pub fn grad_weight<T: Real>(&self, x: &[T], dy: &[T], dw: &mut [T]) {
        let plan = self.plan::<T>();
        debug_assert!(dy.len() == self.n * plan.output && dw.len() == self.c_out * plan.terms, "{self:?}");
        if plan.image == 0 {
            return dw.fill(T::ZERO);
        }
        let weight = self.weight::<T>(&plan);
        self.over_groups(&plan, &weight, &mut [], dw, None, |images, _, sums, db| {
            let x = &x[images.start * plan.image..images.end * plan.image];
            let dy = &dy[images.start * plan.output..images.end * plan.output];
            plan.weight(&weight, x, dy, sums, db);
        });
    }

    /// Whether there are numbers to pass over, and enough groups for the threads.
    pub fn in_one_pass(&self) -> bool {
        let plan = self.plan::<f32>();
        self.n > 0 && plan.image > 0 && plan.output > 0 && self.c_out * plan.terms <= FEW
    }

    /// [`grad_input`](Self::grad_input), unless `dx` is empty, [`grad_weight`](Self::grad_weight), and the gradient of a bias
    /// `[c_out]`, which is the sum of dy: in one pass over dy, for what is [`in_one_pass`](Self::in_one_pass).
    pub fn backward<T: Real>(
        &self,
        [x, dy]: [&Pieces<'_, T>; 2],
        w: &[T],
        dx: &mut [T],
        dw: &mut [T],
        db: Option<&mut [T]>,
    ) {
        let plan = self.plan::<T>();
        let weight = self.weight::<T>(&plan);
        let together = match &weight {
            Weight::Shifted(shifted) => shifted.images_together::<T>(),
            _ => 1,
        };
        self.with_adjoint(w, !dx.is_empty(), |adjoint| {
            self.over_groups(&plan, &weight, dx, dw, db, |images, dx, sums, db| {
                let mut dxs = dx.chunks_mut(together * plan.image);
                for start in images.clone().step_by(together) {
                    let end = images.end.min(start + together);
                    dy.with(start * plan.output..end * plan.output, |dy| {
                        if let Some(dx) = dxs.next() {
                            plan.input(adjoint, w, dy, dx);
                        }
                        x.with(start * plan.image..end * plan.image, |x| plan.weight(&weight, x, dy, sums, db));
                    });
                }
            });
        });
    }

    fn weight<T>(&self, plan: &Plan) -> Weight {
        let channels = self.c_in / self.groups;
        let pays = plan.terms <= TERMS && (self.stride == [1, 1] || plan.filters <= FILTERS);
        let sums = || Shifted::new(plan.window, channels).filter(|_| pays);
        let shifted = || sums().map_or(Weight::Unfolded, Weight::Shifted);
        let squares = squares::Weight::new::<T>(plan.window, channels, plan.filters).filter(|_| self.n >= MANY);
        squares.map_or_else(shifted, Weight::Squares)
    }

    /// Calls `body` with the images of each group, their part of `dx` (if it is not empty), and sums that are 0, for dw (or what
    /// it is found from) and for the bias; adds up the sums.
    fn over_groups<T: Real>(
        &self,
        plan: &Plan,
        weight: &Weight,
        dx: &mut [T],
        dw: &mut [T],
        db: Option<&mut [T]>,
        body: impl Fn(Range<usize>, &mut [T], &mut [T], &mut [T]) + Sync,
    ) {
        let weights = match weight {
            Weight::Squares(squares) => self.groups * squares.sums(),
            _ => dw.len(),
        };
        let biases = db.as_ref().map_or(0, |db| db.len());
        let all = weights + biases;
        let groups = (PARTIALS / (weights * size_of::<T>()).max(1)).clamp(2, GROUPS);
        let images = self.n.div_ceil(groups).max(1);
        let group = |i: usize, partial: &mut [T], dx: &mut [T]| {
            partial.fill(T::ZERO);
            let (sums, db) = partial.split_at_mut(weights);
            body(i * images..self.n.min((i + 1) * images), dx, sums, db);
        };
        with_scratch(self.n.div_ceil(images) * all, |partials: &mut [T]| {
            match dx.is_empty() {
                true => parallel::each_chunk(partials, all, plan.work, |i, partial| group(i, partial, &mut [])),
                false => {
                    let sizes = (all, images * plan.image);
                    parallel::each_chunk_of_two((partials, dx), sizes, plan.work, group);
                }
            }
            let add_up = |total: &mut [T], first: usize| {
                total.fill(T::ZERO);
                for partial in partials.chunks_exact(all.max(1)) {
                    total.iter_mut().zip(&partial[first..]).for_each(|(sum, &p)| *sum += p);
                }
            };
            match weight {
                Weight::Squares(squares) => {
                    let partials = partials.chunks_exact(all);
                    for (i, dw) in dw.chunks_exact_mut(plan.filters * plan.terms).enumerate() {
                        squares.finish(partials.clone().map(|partial| &partial[i * squares.sums()..]), dw);
                    }
                }
                _ => add_up(dw, 0),
            }
            db.into_iter().for_each(|db| add_up(db, weights));
        });
    }

    /// Hands to `body` the adjoint that gives dx without unfolding, if there is one and it is `wanted`.
    fn with_adjoint<T: Real>(&self, w: &[T], wanted: bool, body: impl FnOnce(Option<&Turned<'_, T>>)) {
        let numbers = wanted && self.c_in * self.h * self.w > 0 && self.c_out * self.out_h() * self.out_w() > 0;
        match numbers.then(|| self.adjoint::<T>()).flatten() {
            None => body(None),
            Some((adjoint, sums, plan)) => with_scratch(w.len(), |turned: &mut [T]| {
                adjoint.turn(w, turned);
                sums.with_weights(turned, |w| body(Some(&Turned { plan, sums: &sums, w })));
            }),
        }
    }

    /// The convolution of dy with turned kernels that gives dx, and how it is found: a stride of 1 has one, if the padding is
    /// less than the kernel's reach, and larger strides have one for each of their [parts](Sums::Parts).
    fn adjoint<T: Real>(&self) -> Option<(Conv2d, Sums, Plan)> {
        let (channels, filters) = (self.c_out / self.groups, self.c_in / self.groups);
        let of_dy = Conv2d { c_in: self.c_out, c_out: self.c_in, h: self.out_h(), w: self.out_w(), ..*self };
        if self.stride != [1, 1] {
            let parts = Adjoint::new(self.window(), channels, filters)?;
            let plan = Plan { positions: self.h * self.w, ..of_dy.plan::<T>() };
            return Some((of_dy, Sums::Parts(parts), plan));
        }
        let reach = [(self.kh - 1) * self.dilation[0], (self.kw - 1) * self.dilation[1]];
        let fits = (0..2).all(|axis| self.padding[axis] <= reach[axis]);
        let padding = [0, 1].map(|axis| reach[axis].saturating_sub(self.padding[axis]));
        let conv = Conv2d { padding, ..of_dy };
        let plan = conv.plan::<T>();
        fits.then(|| conv.sums::<T>(&plan)).flatten().map(|sums| (conv, sums, plan))
    }

    /// The kernels of this adjoint `[c_out, c_in / groups, kh, kw]` from those of the convolution `[c_in, c_out /
    /// groups, kh, kw]`: input and output channels of a group exchanged, taps in the opposite order.
    fn turn<T: Real>(&self, w: &[T], turned: &mut [T]) {
        let (ours, theirs, taps) = (self.c_out / self.groups, self.c_in / self.groups, self.kh * self.kw);
        for (i, kernel) in turned.chunks_exact_mut(taps).enumerate() {
            let (filter, channel) = (i / theirs, i % theirs);
            let from = (filter / ours * theirs + channel) * ours + filter % ours;
            kernel.iter_mut().zip(w[from * taps..][..taps].iter().rev()).for_each(|(t, &w)| *t = w);
        }
    }
}

impl Plan {
    /// dx of some images, one after the other.
    fn input<T: Real>(&self, adjoint: Option<&Turned<'_, T>>, w: &[T], dy: &[T], dx: &mut [T]) {
        if let Some(Turned { plan, sums, w }) = adjoint {
            return plan.images_summed(sums, [dy, &[]], w, None, dx);
        }
        dx.fill(T::ZERO);
        for (dy, dx) in dy.chunks(self.output.max(1)).zip(dx.chunks_mut(self.image)) {
            self.each_block(|group, rows, columns| {
                let dx = &mut dx[group * self.part..][..self.part];
                let w = &w[group * self.filters * self.terms..][..self.filters * self.terms];
                let w = MatRef::from_row_major_slice(w, self.filters, self.terms).transpose();
                let dy = self.upstream(dy, group, &rows);
                let seen = rows.len() * self.out_w;
                if self.window.is_pointwise() {
                    let dx = MatMut::from_row_major_slice_mut(dx, self.terms, self.positions);
                    return product(dx.subcols_mut(rows.start * self.out_w, seen), false, w, dy);
                }
                let columns = &mut columns[..self.terms * seen];
                product(MatMut::from_row_major_slice_mut(columns, self.terms, seen), false, w, dy);
                simd(
                    #[inline(always)]
                    || self.window.fold_rows(columns, rows, dx),
                );
            });
        }
    }

    /// Adds the gradients of the kernels and of a bias that some images give.
    fn weight<T: Real>(&self, weight: &Weight, x: &[T], dy: &[T], sums: &mut [T], db: &mut [T]) {
        add_planes(dy, self.positions, db);
        match weight {
            Weight::Squares(squares) => {
                let parts = x.chunks_exact(self.part).zip(dy.chunks_exact(self.filters * self.positions));
                for (i, (x, dy)) in parts.enumerate() {
                    squares.add(x, dy, &mut sums[i % self.groups * squares.sums()..][..squares.sums()]);
                }
            }
            Weight::Shifted(shifted) => self.grad_weight_shifted(shifted, x, dy, sums),
            Weight::Unfolded => self.grad_weight_unfolded(x, dy, sums),
        }
    }

    /// Adds the weight gradient of some images by unfolding.
    fn grad_weight_unfolded<T: Real>(&self, x: &[T], dy: &[T], dw: &mut [T]) {
        for (x, dy) in x.chunks_exact(self.image).zip(dy.chunks_exact(self.output.max(1))) {
            self.each_block(|group, rows, columns| {
                let x = &x[group * self.part..][..self.part];
                let dw = &mut dw[group * self.filters * self.terms..][..self.filters * self.terms];
                let dw = MatMut::from_row_major_slice_mut(dw, self.filters, self.terms);
                let dy = self.upstream(dy, group, &rows);
                product(dw, true, dy, self.unfolded(x, rows, columns).transpose());
            });
        }
    }
}

/// Adds the planes of `dy [n, sums, positions]` to the sums, if there are any.
fn add_planes<T: Real>(dy: &[T], positions: usize, sums: &mut [T]) {
    if sums.is_empty() {
        return;
    }
    for dy in dy.chunks_exact(sums.len() * positions) {
        let planes = sums.iter_mut().zip(dy.chunks_exact(positions));
        planes.for_each(|(sum, plane)| *sum += Total::Sum.of(plane));
    }
}
