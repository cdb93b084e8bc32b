//! Angles within and between classes: how close the embeddings of a class are, and how far apart the classes.
//!
//! The center of a class is the direction of the sum of its embeddings' directions. *Within* is the mean angle between
//! the embeddings of a class and its center; *between* the angle between a center and the nearest other one. Training
//! with a margin should lower the first and raise the second (the ArcFace paper, arXiv 1801.07698, compares losses by
//! both).

use std::collections::BTreeMap;

use super::verification::directions;
use crate::{Error, Result, Tensor};

/// The angles of some classes, in radians.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassAngles {
    /// The labels that occur, in increasing order.
    pub classes: Vec<usize>,
    /// The number of observations of each class.
    pub counts: Vec<usize>,
    /// The mean angle between the embeddings of each class and its center.
    pub within: Vec<f64>,
    /// The angle between each center and the nearest other one.
    pub between: Vec<f64>,
}

impl ClassAngles {
    /// The angles of `embeddings` `[n, dim]` with these labels. A vector of zeros is perpendicular to all others.
    ///
    /// ```
    /// use wengert::{Tensor, train::ClassAngles};
    /// let embeddings = Tensor::from([[2.0, 0.2], [3.0, -0.3], [0.0, 1.0]]);
    /// let angles = ClassAngles::new(&embeddings, &[5, 5, 8])?;
    /// assert!((angles.mean_within() - 2.0 / 3.0 * 0.1f64.atan()).abs() < 1e-12);
    /// assert!((angles.mean_between() - std::f64::consts::FRAC_PI_2).abs() < 1e-12);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] for another shape, [`Error::NonFinite`] for an embedding that is not finite, [`Error::Setting`]
    /// when there is not one label for each embedding, or fewer than two classes.
    pub fn new(embeddings: &Tensor, labels: &[usize]) -> Result<Self> {
        let rows = directions("class angles", embeddings)?;
        let n = embeddings.shape()[0];
        if labels.len() != n {
            let value = format!("{} of them for {n} embeddings", labels.len());
            return Err(Error::setting("class angles", "labels", value, "one for each embedding"));
        }
        let mut members: BTreeMap<usize, Vec<&Vec<f64>>> = BTreeMap::new();
        rows.iter().zip(labels).for_each(|(row, &label)| members.entry(label).or_default().push(row));
        if members.len() < 2 {
            let value = format!("those of {} classes", members.len());
            return Err(Error::setting("class angles", "labels", value, "of at least two classes"));
        }
        let sum = |rows: &Vec<&Vec<f64>>| (0..rows[0].len()).map(|j| rows.iter().map(|row| row[j]).sum()).collect();
        let centers: Vec<Vec<f64>> = members.values().map(sum).collect();
        let within = |(rows, center): (&Vec<&Vec<f64>>, &Vec<f64>)| {
            rows.iter().map(|row| angle(row, center)).sum::<f64>() / rows.len() as f64
        };
        let nearest = |i: usize| {
            let others = (0..centers.len()).filter(|&j| j != i);
            others.map(|j| angle(&centers[i], &centers[j])).fold(f64::INFINITY, f64::min)
        };
        Ok(ClassAngles {
            within: members.values().zip(&centers).map(within).collect(),
            between: (0..centers.len()).map(nearest).collect(),
            counts: members.values().map(Vec::len).collect(),
            classes: members.into_keys().collect(),
        })
    }

    /// The mean over all observations of the angle to the center of their class.
    pub fn mean_within(&self) -> f64 {
        let sum: f64 = self.within.iter().zip(&self.counts).map(|(angle, &count)| angle * count as f64).sum();
        sum / self.counts.iter().sum::<usize>() as f64
    }

    /// The mean over all classes of the angle to the nearest other center.
    pub fn mean_between(&self) -> f64 {
        self.between.iter().sum::<f64>() / self.between.len() as f64
    }
}

/// The angle between two vectors: 2 atan2(‖a − b‖, ‖a + b‖) for their directions, as in
/// [`Var::angle`](crate::Var::angle).
fn angle(a: &[f64], b: &[f64]) -> f64 {
    let length = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
    let (long, wide) = (length(a), length(b));
    if long == 0.0 || wide == 0.0 {
        return std::f64::consts::FRAC_PI_2;
    }
    let distance = |sign: f64| length(&a.iter().zip(b).map(|(a, b)| a / long + sign * b / wide).collect::<Vec<_>>());
    2.0 * distance(-1.0).atan2(distance(1.0))
}
