//! Statistics per channel of `x [n, c, s]` (s positions, 1 for plain features), and batch normalization built on them;
//! statistics of rows, and normalization within them in [`rows`].
//!
//! With x̂ = (x − mean) · rstd over the m = n·s numbers of a channel (Ioffe & Szegedy 2015, arXiv 1502.03167):
//!
//! dβ = Σ dy,  dγ = Σ dy · x̂,  dx = γ · rstd · (dy − (dβ + x̂ · dγ) / m).
//!
//! Sums run in vectors over at most a few thousand numbers; the runs are added in double precision and in order, so a
//! large batch loses no digits and the number of threads does not change a bit. The variance of a run is taken around
//! the run's own mean while it is in the cache, and runs are merged by the parallel-axis theorem (Chan, Golub & LeVeque
//! 1979): one pass over memory, and no cancellation. [`runs`] divides the work, [`sums`] adds up a run.

mod columns;
mod moments;
mod rows;
mod runs;
mod side;
mod sums;
#[cfg(test)]
mod tests;

pub use self::{moments::moments, rows::Rows};

use self::sums::{Distances, LANES, add_up, add_up_distances, add_up_products, centered_products};
use super::{
    Real,
    program::{Pieces, Program},
    scratch::with_scratch,
};

/// The sizes of a tensor `[n, c, s]` whose axis 1 is the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channels {
    /// Observations.
    pub n: usize,
    /// Channels.
    pub c: usize,
    /// Positions of an observation: height times width, or 1.
    pub s: usize,
}

impl Channels {
    /// The mean of every channel as it is rounded, what that lacks, and the sum of squared distances from the mean divided
    /// by `divisor`; NaN where there is nothing to average.
    pub fn moments<T: Real>(&self, x: &[T], divisor: f64, [center, shift, var]: [&mut [T]; 3]) {
        let c = self.c;
        self.partials(
            &Program::of(x, &self.dims()).pieces(&self.dims()),
            &mut [],
            #[inline(always)]
            |rows, x, part| {
                let (means, squares) = part.split_at_mut(c);
                if self.s == 1 {
                    let count = rows.len() as f64;
                    add_up(x, c, means, |v, _| v);
                    means.iter_mut().for_each(|m| *m /= count);
                    add_up_distances(x, means, squares);
                } else {
                    for ((mean, squares), plane) in means.iter_mut().zip(squares).zip(self.planes(x)) {
                        let found = Distances::<T>::of::<LANES>(plane);
                        (*mean, *squares) = (found.mean(), found.squares);
                    }
                }
            },
            |partials| {
                let m = (self.n * self.s) as f64;
                let runs = || {
                    (0..).map(|run| (self.rows(run).len() * self.s) as f64).zip(partials.chunks_exact((2 * c).max(1)))
                };
                with_scratch(2 * c, |sums: &mut [f64]| {
                    sums.fill(0.0);
                    let (means, spreads) = sums.split_at_mut(c);
                    for (count, part) in runs() {
                        means.iter_mut().zip(&part[..c]).for_each(|(sum, mean)| *sum += count / m * mean);
                    }
                    for (count, part) in runs() {
                        for i in 0..c {
                            spreads[i] += part[c + i] + count * (part[i] - means[i]) * (part[i] - means[i]);
                        }
                    }
                    for i in 0..c {
                        center[i] = if m > 0.0 { T::of(means[i]) } else { T::of(f64::NAN) };
                        shift[i] = T::of(means[i] - center[i].to_f64());
                        var[i] = T::of(spreads[i] / divisor);
                    }
                });
            },
        );
    }

    /// `out = (x − center[c]) · scale[c] + term[c]`.
    pub fn normalize<T: Real>(&self, x: &[T], [center, scale, term]: [&[T]; 3], out: &mut [T]) {
        let dims = self.dims();
        let x = Program::of(x, &dims);
        self.map(
            &x.pieces(&dims),
            out,
            #[inline(always)]
            |_, channel, x, out| match channel {
                Some(c) => {
                    let (m, a, b) = (center[c], scale[c], term[c]);
                    for (o, &x) in out.iter_mut().zip(x) {
                        *o = (x - m) * a + b;
                    }
                }
                None => {
                    for ((((o, &x), &m), &a), &b) in out.iter_mut().zip(x).zip(center).zip(scale).zip(term) {
                        *o = (x - m) * a + b;
                    }
                }
            },
        );
    }

    fn dims(&self) -> [usize; 3] {
        [self.n, self.c, self.s]
    }

    /// The sums of the backward pass: `dgamma = Σ dy · x̂` and `dbeta = Σ dy`. On the way dy is written to `kept`, unless
    /// that is empty.
    pub fn grad_sums<T: Real>(
        &self,
        x: &[T],
        dy: &Pieces<'_, T>,
        kept: &mut [T],
        [center, shift, rstd]: [&[T]; 3],
        [dgamma, dbeta]: [&mut [T]; 2],
    ) {
        let c = self.c;
        self.partials(
            dy,
            kept,
            #[inline(always)]
            |rows, dy, part| {
                let (products, sums) = part.split_at_mut(c);
                let x = &x[rows.start * c * self.s..rows.end * c * self.s];
                if self.s == 1 {
                    add_up(dy, c, sums, |d, _| d);
                    add_up_products(x, dy, center, products);
                } else {
                    let planes = self.planes(x).zip(self.planes(dy)).zip(center);
                    for ((product, sum), ((x, dy), &center)) in products.iter_mut().zip(sums).zip(planes) {
                        (*product, *sum) = centered_products::<T, LANES>(x, dy, center);
                    }
                }
            },
            |partials| {
                for i in 0..c {
                    let column = |j: usize| partials.iter().skip(j).step_by(2 * c).sum::<f64>();
                    let (products, sum) = (column(i), column(c + i));
                    dgamma[i] = T::of((products - sum * shift[i].to_f64()) * rstd[i].to_f64());
                    dbeta[i] = T::of(sum);
                }
            },
        );
    }

    /// p, q and r of dx = p · dy + q · (x − center) + r.
    pub fn grad_coefficients<T: Real>(&self, [shift, rstd, gamma, dgamma, dbeta]: [&[T]; 5], [p, q, r]: [&mut [T]; 3]) {
        let m = T::of((self.n * self.s) as f64);
        for i in 0..self.c {
            p[i] = gamma[i] * rstd[i];
            q[i] = -(p[i] * rstd[i] * dgamma[i] / m);
            r[i] = -(p[i] * dbeta[i] / m + q[i] * shift[i]);
        }
    }

    /// The whole backward pass of batch normalization with the batch's own statistics: dx `[n, c, s]`, dgamma and dbeta
    /// `[c]`, from the upstream gradient `dy` and the `center` and `shift` of the mean, the `rstd` (1 / √(var + ε)) and the
    /// `gamma` of every channel. Where dy is a chain, it is computed in each of the two passes.
    pub fn backward<T: Real>(
        &self,
        x: &[T],
        dy: &Pieces<'_, T>,
        [center, shift, rstd, gamma]: [&[T]; 4],
        dx: &mut [T],
        [dgamma, dbeta]: [&mut [T]; 2],
    ) {
        self.grad_sums(x, dy, &mut [], [center, shift, rstd], [&mut *dgamma, &mut *dbeta]);
        let c = self.c;
        with_scratch(3 * c, |table: &mut [T]| {
            let (p, rest) = table.split_at_mut(c);
            let (q, r) = rest.split_at_mut(c);
            self.grad_coefficients([shift, rstd, gamma, dgamma, dbeta], [&mut *p, &mut *q, &mut *r]);
            let (p, q, r) = (&*p, &*q, &*r);
            self.map(
                dy,
                dx,
                #[inline(always)]
                |at, channel, dy, dx| {
                    let inputs = x[at..at + dx.len()].iter().zip(dy);
                    match channel {
                        Some(c) => {
                            let (p, q, r, center) = (p[c], q[c], r[c], center[c]);
                            for (o, (&x, &dy)) in dx.iter_mut().zip(inputs) {
                                *o = p * dy + q * (x - center) + r;
                            }
                        }
                        None => {
                            let coefficients = p.iter().zip(q).zip(r).zip(center);
                            for ((o, (&x, &dy)), (((&p, &q), &r), &center)) in
                                dx.iter_mut().zip(inputs).zip(coefficients)
                            {
                                *o = p * dy + q * (x - center) + r;
                            }
                        }
                    }
                },
            );
        });
    }
}
