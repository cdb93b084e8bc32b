//! Statistics per channel of `x [n, c, s]` (s positions, 1 for plain features), and batch normalization built on them.
//!
//! With x̂ = (x − mean) · rstd over the m = n·s numbers of a channel (Ioffe & Szegedy 2015, arXiv 1502.03167):
//!
//! dβ = Σ dy,  dγ = Σ dy · x̂,  dx = γ · rstd · (dy − (dβ + x̂ · dγ) / m).
//!
//! Sums run in vectors over at most a few thousand numbers; the runs are added in double precision and in order, so a
//! large batch loses no digits and the number of threads does not change a bit. The variance of a run is taken around
//! the run's own mean while it is in the cache, and runs are merged by the parallel-axis theorem (Chan, Golub & LeVeque
//! 1979): one pass over memory, and no cancellation. [`runs`] divides the work, [`sums`] adds up a run.

mod runs;
mod sums;

use self::sums::{add_up, add_up_products, centered_products, total};
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
    /// Mean and biased variance (divided by n·s) of every channel; NaN where there is nothing to average.
    pub fn moments<T: Real>(&self, x: &[T], mean: &mut [T], var: &mut [T]) {
        let c = self.c;
        self.partials(
            &Program::of(x, &self.dims()).pieces(&self.dims()),
            &mut [],
            #[inline(always)]
            |rows, x, part| {
                let (means, squares) = part.split_at_mut(c);
                let count = (rows.len() * self.s) as f64;
                if self.s == 1 {
                    add_up(x, c, means, |v, _| v);
                    means.iter_mut().for_each(|m| *m /= count);
                    with_scratch(
                        c,
                        #[inline(always)]
                        |center: &mut [T]| {
                            center.iter_mut().zip(&*means).for_each(|(t, &m)| *t = T::of(m));
                            add_up(x, c, squares, |v, i| (v - center[i]) * (v - center[i]));
                        },
                    );
                } else {
                    for ((mean, squares), plane) in means.iter_mut().zip(squares).zip(self.planes(x)) {
                        *mean = total(plane, |v| v) / count;
                        let center = T::of(*mean);
                        *squares = total(plane, |v| (v - center) * (v - center));
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
                    let (centers, spreads) = sums.split_at_mut(c);
                    for (count, part) in runs() {
                        centers.iter_mut().zip(&part[..c]).for_each(|(sum, mean)| *sum += count / m * mean);
                    }
                    for (count, part) in runs() {
                        for i in 0..c {
                            spreads[i] += part[c + i] + count * (part[i] - centers[i]) * (part[i] - centers[i]);
                        }
                    }
                    for i in 0..c {
                        mean[i] = if m > 0.0 { T::of(centers[i]) } else { T::of(f64::NAN) };
                        var[i] = T::of(spreads[i] / m);
                    }
                });
            },
        );
    }

    /// `out = x · scale[c] + shift[c]`.
    pub fn normalize<T: Real>(&self, x: &[T], scale: &[T], shift: &[T], out: &mut [T]) {
        let dims = self.dims();
        let x = Program::of(x, &dims);
        self.map(
            &x.pieces(&dims),
            out,
            #[inline(always)]
            |_, channel, x, out| match channel {
                Some(c) => out.iter_mut().zip(x).for_each(|(o, &x)| *o = x * scale[c] + shift[c]),
                None => {
                    let coefficients = scale.iter().zip(shift);
                    out.iter_mut().zip(x).zip(coefficients).for_each(|((o, &x), (&a, &b))| *o = x * a + b);
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
        [mean, rstd]: [&[T]; 2],
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
                    add_up_products(x, dy, mean, products);
                } else {
                    let planes = self.planes(x).zip(self.planes(dy)).zip(mean);
                    for ((product, sum), ((x, dy), &mean)) in products.iter_mut().zip(sums).zip(planes) {
                        (*product, *sum) = centered_products(x, dy, mean);
                    }
                }
            },
            |partials| {
                for i in 0..c {
                    let column = |j: usize| partials.iter().skip(j).step_by(2 * c).sum::<f64>();
                    dgamma[i] = T::of(column(i) * rstd[i].to_f64());
                    dbeta[i] = T::of(column(c + i));
                }
            },
        );
    }

    /// p, q and r of dx = p · dy + q · (x − mean) + r.
    pub fn grad_coefficients<T: Real>(&self, [rstd, gamma, dgamma, dbeta]: [&[T]; 4], [p, q, r]: [&mut [T]; 3]) {
        let m = T::of((self.n * self.s) as f64);
        for i in 0..self.c {
            p[i] = gamma[i] * rstd[i];
            q[i] = -(p[i] * rstd[i] * dgamma[i] / m);
            r[i] = -(p[i] * dbeta[i] / m);
        }
    }

    /// The whole backward pass of batch normalization with the batch's own statistics: dx `[n, c, s]`, dgamma and dbeta
    /// `[c]`, from the upstream gradient `dy` and the `mean`, `rstd` (1 / √(var + ε)) and `gamma` of every channel. Where
    /// dy is a chain, it is computed in each of the two passes.
    pub fn backward<T: Real>(
        &self,
        x: &[T],
        dy: &Pieces<'_, T>,
        [mean, rstd, gamma]: [&[T]; 3],
        dx: &mut [T],
        [dgamma, dbeta]: [&mut [T]; 2],
    ) {
        self.grad_sums(x, dy, &mut [], [mean, rstd], [&mut *dgamma, &mut *dbeta]);
        let c = self.c;
        with_scratch(3 * c, |table: &mut [T]| {
            let (p, rest) = table.split_at_mut(c);
            let (q, r) = rest.split_at_mut(c);
            self.grad_coefficients([rstd, gamma, dgamma, dbeta], [&mut *p, &mut *q, &mut *r]);
            let (p, q, r) = (&*p, &*q, &*r);
            self.map(
                dy,
                dx,
                #[inline(always)]
                |at, channel, dy, dx| {
                    let inputs = x[at..at + dx.len()].iter().zip(dy);
                    match channel {
                        Some(c) => {
                            let (p, q, r, mean) = (p[c], q[c], r[c], mean[c]);
                            for (o, (&x, &dy)) in dx.iter_mut().zip(inputs) {
                                *o = p * dy + q * (x - mean) + r;
                            }
                        }
                        None => {
                            let coefficients = p.iter().zip(q).zip(r).zip(mean);
                            for ((o, (&x, &dy)), (((&p, &q), &r), &mean)) in dx.iter_mut().zip(inputs).zip(coefficients)
                            {
                                *o = p * dy + q * (x - mean) + r;
                            }
                        }
                    }
                },
            );
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::{close, numbers};

    const SIZES: [(usize, usize, usize); 8] =
        [(4, 3, 5), (1, 1, 1), (200, 7, 1), (64, 130, 1), (3, 20, 576), (130, 6, 77), (2, 2, 10_000), (5, 0, 3)];

    /// The numbers of each channel in f64.
    fn channels<T: Real>(x: &[T], sizes: &Channels) -> Vec<Vec<f64>> {
        let mut channels = vec![vec![]; sizes.c];
        x.iter().enumerate().for_each(|(i, x)| channels[i / sizes.s % sizes.c].push(x.to_f64()));
        channels
    }

    fn against_definition<T: Real>(offset: f64, tolerance: f64) {
        for (n, c, s) in SIZES {
            let sizes = Channels { n, c, s };
            let x: Vec<T> = numbers::<T>(n * c * s, 1).iter().map(|&x| x + T::of(offset)).collect();
            let (dy, gamma) = (numbers::<T>(n * c * s, 2), numbers::<T>(c, 3));
            let xs = channels(&x, &sizes);
            let m = (n * s) as f64;
            let means: Vec<f64> = xs.iter().map(|x| x.iter().sum::<f64>() / m).collect();
            let vars: Vec<f64> =
                xs.iter().zip(&means).map(|(x, mean)| x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / m).collect();
            let blank = || vec![T::of(f64::NAN); c];
            let (mut mean, mut var) = (blank(), blank());
            sizes.moments(&x, &mut mean, &mut var);
            close(&mean, &means, tolerance);
            close(&var, &vars, tolerance);

            let rstd: Vec<T> = vars.iter().map(|v| T::of(1.0 / (v + 1e-3).sqrt())).collect();
            let mut out = vec![T::of(f64::NAN); x.len()];
            sizes.normalize(&x, &gamma, &rstd, &mut out);
            let by_channel = |i: usize| i / s % c;
            let want: Vec<f64> = (0..x.len())
                .map(|i| x[i].to_f64() * gamma[by_channel(i)].to_f64() + rstd[by_channel(i)].to_f64())
                .collect();
            close(&out, &want, tolerance);

            let (mut dgamma, mut dbeta) = (blank(), blank());
            let dims = sizes.dims();
            let upstream = Program::of(&dy, &dims);
            let upstream = upstream.pieces(&dims);
            sizes.backward(&x, &upstream, [&mean, &rstd, &gamma], &mut out, [&mut dgamma, &mut dbeta]);
            let hat = |i: usize| (x[i].to_f64() - mean[by_channel(i)].to_f64()) * rstd[by_channel(i)].to_f64();
            let (mut products, mut sums) = (vec![0.0; c], vec![0.0; c]);
            for (i, d) in dy.iter().enumerate() {
                products[by_channel(i)] += d.to_f64() * hat(i);
                sums[by_channel(i)] += d.to_f64();
            }
            close(&dgamma, &products, tolerance);
            close(&dbeta, &sums, tolerance);
            let (mut kept, mut again) = (vec![T::of(f64::NAN); x.len()], [blank(), blank()]);
            sizes.grad_sums(&x, &upstream, &mut kept, [&mean, &rstd], again.each_mut().map(|x| &mut x[..]));
            assert!(kept == dy && again == [dgamma, dbeta]);
            let want: Vec<f64> = (0..x.len())
                .map(|i| {
                    let c = by_channel(i);
                    let inner = dy[i].to_f64() - (sums[c] + hat(i) * products[c]) / m;
                    gamma[c].to_f64() * rstd[c].to_f64() * inner
                })
                .collect();
            close(&out, &want, 10.0 * tolerance);
        }
    }

    #[test]
    fn statistics_and_gradients_by_the_definition() {
        against_definition::<f32>(0.0, 1e-5);
        against_definition::<f64>(0.0, 1e-13);
    }

    #[test]
    fn a_large_mean_costs_no_digits_of_the_variance() {
        let sizes = Channels { n: 500, c: 2, s: 300 };
        for sizes in [sizes, Channels { n: 75_000, c: 2, s: 1 }] {
            let x: Vec<f32> = numbers::<f32>(300_000, 1).iter().map(|x| 1000.0 + x).collect();
            let (mut mean, mut var) = ([0.0; 2], [0.0; 2]);
            sizes.moments(&x[..sizes.n * 2 * sizes.s], &mut mean, &mut var);
            for (mean, var) in mean.iter().zip(var) {
                assert!((mean - 1000.0).abs() < 0.01 && (var - 1.0 / 3.0).abs() < 0.005, "{mean} {var}");
            }
        }
        against_definition::<f64>(1e4, 1e-9);
    }

    #[test]
    fn nothing_to_average_is_not_a_number() {
        let (mut mean, mut var) = ([0.0f32; 2], [0.0f32; 2]);
        Channels { n: 0, c: 2, s: 3 }.moments(&[], &mut mean, &mut var);
        assert!(mean.iter().chain(&var).all(|x| x.is_nan()));
    }
}
