//! The pictures of this tutorial.

use wengert::{
    Result, Tape, Tensor,
    data::Dataset,
    nn::Layer,
    plot::{BarChart, Color, Figure, HeatMap, ImageGrid, Legend, LineChart, Series},
};

use crate::{
    network::CHANNELS,
    roots::{ROOTS, Row},
    training::Trained,
};

/// The first image of each class, and three more.
pub fn textures(set: &Dataset) -> Figure {
    let [_, height, width] = set.shape();
    let mut grid = ImageGrid::new(height, width).columns(set.classes());
    for row in 0..4 {
        for class in 0..set.classes() {
            let of_class = (0..set.len()).filter(|&i| set.label(i) == class).nth(row);
            let Some(i) = of_class else { continue };
            let pixels: Vec<f64> = set.image(i).iter().map(|&p| f64::from(p)).collect();
            grid = grid.image(pixels, if row == 0 { &set.names()[class] } else { "" });
        }
    }
    Figure::new(110 * set.classes() as u32, 500).panel(grid)
}

/// The class of an image, A, and A^½.
type Matrices = (String, Vec<f64>, Vec<f64>);

/// A and A^½ of the first test image of each of three classes, in a trained network.
fn matrices(improved: &Trained, set: &Dataset) -> Result<Vec<Matrices>> {
    let first = |class: usize| (0..set.len()).find(|&i| set.label(i) == class);
    let chosen: Vec<usize> = [0, 2, 4].into_iter().filter_map(first).collect();
    let images = set.subset(&chosen)?.tensor();
    let tape = Tape::new();
    tape.set_mode(wengert::Mode::Eval);
    let found = improved.net.features(tape.constant(images), &["descriptor.pool", "descriptor.root"])?;
    let [a, z] = [found[0], found[1]].map(|x| x.value().to_vec());
    let size = CHANNELS * CHANNELS;
    let each = |(k, &i): (usize, &usize)| {
        let of = |x: &[f64]| x[k * size..][..size].to_vec();
        (set.names()[set.label(i)].clone(), of(&a), of(&z))
    };
    Ok(chosen.iter().enumerate().map(each).collect())
}

/// The matrices of three images before and after the square root.
pub fn descriptors(improved: &Trained, set: &Dataset) -> Result<Figure> {
    let all = matrices(improved, set)?;
    let mut figure = Figure::new(960, 620).columns(all.len());
    for after in [false, true] {
        for (name, a, z) in &all {
            let (values, title) = if after { (z, format!("A^½, {name}")) } else { (a, format!("A, {name}")) };
            figure = figure.panel(HeatMap::new(CHANNELS, CHANNELS, values.clone()).title(title));
        }
    }
    Ok(figure)
}

/// Their eigenvalues, largest first, each divided by the largest.
pub fn spectra(improved: &Trained, set: &Dataset) -> Result<Figure> {
    let mut chart =
        LineChart::new().x_label("eigenvalue").y_label("divided by the largest").log_y().legend(Legend::Above);
    for (k, (name, a, z)) in matrices(improved, set)?.into_iter().enumerate() {
        for (values, label, dash) in [(a, "A", false), (z, "A^½", true)] {
            let tape = Tape::f64();
            let matrix = tape.constant(Tensor::from_vec(values, [CHANNELS, CHANNELS])?);
            let mut values = matrix.eigvalsh().value().to_vec();
            values.reverse();
            let largest = values[0];
            let y: Vec<f64> = values.into_iter().map(|v| v / largest).collect();
            let series = Series::counted(format!("{label}, {name}"), y).color(Color::nth(k));
            let dash = if dash { wengert::plot::Dash::Dashed } else { wengert::plot::Dash::Solid };
            chart = chart.series(series.dash(dash));
        }
    }
    Ok(Figure::new(760, 440).panel(chart))
}

/// Loss and accuracy of the three networks while they train.
pub fn training(networks: &[(&str, &Trained)], per_epoch: usize) -> Figure {
    let chart = |title: &str, label: &str, values: fn(&Trained) -> Vec<f64>| {
        networks.iter().enumerate().fold(
            LineChart::new().title(title).x_label("epoch").y_label(label).legend(Legend::Above),
            |chart, (k, (name, trained))| {
                // The mean of each epoch: single batches scatter.
                let means: Vec<f64> = values(trained)
                    .chunks(per_epoch.max(1))
                    .map(|epoch| epoch.iter().sum::<f64>() / epoch.len() as f64)
                    .collect();
                chart.series(Series::counted(*name, means).color(Color::nth(k)))
            },
        )
    };
    Figure::new(960, 380)
        .columns(2)
        .panel(chart("Loss on training crops", "cross-entropy", |t| t.history.losses.clone()))
        .panel(chart("Accuracy on training crops", "accuracy", |t| t.history.metric("accuracy").to_vec()))
}

/// The error of the gradients of the roots against the condition number and the distance of eigenvalues.
pub fn roots(condition: &[Row], distance: &[Row]) -> Figure {
    let chart = |rows: &[Row], title: &str, label: &str| {
        let x: Vec<f64> = rows.iter().map(|row| row.at).collect();
        ROOTS.into_iter().enumerate().fold(
            LineChart::new().title(title).x_label(label).y_label("relative error of the gradient").log_x().log_y(),
            |chart, (k, name)| {
                let y: Vec<f64> = rows.iter().map(|row| row.errors[k]).collect();
                chart.series(Series::new(name, x.clone(), y).dots())
            },
        )
    };
    Figure::new(1000, 420)
        .columns(2)
        .panel(chart(condition, "Spread spectrum", "condition number").legend(Legend::Above))
        .panel(chart(distance, "Nearly equal eigenvalues", "distance of neighbors").legend(Legend::Above))
}

/// The accuracy of the program for the combinations of its mistakes that matter.
pub fn ablation(all: &serde_json::Map<String, serde_json::Value>, majority: f64) -> Figure {
    let shown = [
        ("outer+norm+rate+root", "as written"),
        ("outer+norm+root", "all but rate"),
        ("norm+rate+root", "all but outer"),
        ("rate+root", "rate, root"),
        ("norm+root", "norm, root"),
        ("root", "root alone"),
        ("none", "none"),
        ("outer", "outer alone"),
    ];
    let values: Vec<f64> = shown.iter().map(|(name, _)| all[*name].as_f64().unwrap_or(f64::NAN)).collect();
    let title = format!("Test accuracy by the mistakes that are left (most frequent class: {majority:.3})");
    let chart = BarChart::new(shown.map(|(_, label)| label), values).title(title).y_label("accuracy");
    Figure::new(960, 380).panel(chart)
}
