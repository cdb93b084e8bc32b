//! Textures: the same for a seed, balanced, alike in mean and variance, and told apart by second-order statistics.

use wengert::data::{
    Dataset, Textures, textures,
    textures::{CONTRAST, COUNT, MEAN, NAMES, SIDE, generate},
};

#[test]
fn a_seed_gives_the_same_bits_with_any_number_of_threads() {
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| generate(83, 20, 9).unwrap())
    };
    let one = with(1);
    assert_eq!(one, with(2));
    assert_eq!(one, with(5));
    assert_ne!(one, generate(83, 20, 10).unwrap());
}

#[test]
fn both_parts_are_balanced_shuffled_and_different() {
    let Textures { train, test } = textures(3);
    for set in [&train, &test] {
        assert_eq!(
            (set.class_counts(), set.shape(), set.names()),
            (vec![200; 8], [1, SIDE, SIDE], &NAMES.map(String::from)[..])
        );
        assert!(set.images().iter().all(|p| (0.0..=1.0).contains(p) && (p * 255.0).round() / 255.0 == *p));
        assert!(set.labels()[..50].windows(2).any(|w| w[1] != (w[0] + 1) % 8));
    }
    assert_ne!(train.labels(), test.labels());
    let distinct: std::collections::HashSet<Vec<u8>> = [&train, &test, &generate(500, SIDE, 3).unwrap()]
        .iter()
        .flat_map(|set| (0..set.len()).map(|i| set.image(i).iter().map(|p| (p * 255.0) as u8).collect()))
        .collect();
    assert_eq!(distinct.len(), 2 * COUNT + 500);
}

#[test]
fn any_number_and_size_can_be_had_within_bounds() {
    let set = generate(11, 8, 0).unwrap();
    assert_eq!((set.len(), set.shape()), (11, [1, 8, 8]));
    assert_eq!(
        generate(0, 8, 0).unwrap_err().to_string(),
        "the data set is empty: it needs at least one labeled image"
    );
    for side in [0, 7, 4097, usize::MAX] {
        let expected = format!("textures: side = {side}, but it must be from 8 to 4096");
        assert_eq!(generate(1, side, 0).unwrap_err().to_string(), expected);
    }
}

/// The mean and the variance of each image.
fn moments(set: &Dataset) -> Vec<Vec<f64>> {
    let of = |image: &[f32]| {
        let n = image.len() as f64;
        let mean = image.iter().map(|&p| f64::from(p)).sum::<f64>() / n;
        vec![mean, image.iter().map(|&p| (f64::from(p) - mean).powi(2)).sum::<f64>() / n]
    };
    (0..set.len()).map(|i| of(set.image(i))).collect()
}

/// The covariances of five derivatives of each image (first and second ones, by differences), 15 numbers.
fn covariances(set: &Dataset) -> Vec<Vec<f64>> {
    let [_, height, width] = set.shape();
    let of = |image: &[f32]| {
        let at = |y: usize, x: usize| f64::from(image[y * width + x]);
        let mut sums = vec![0.0; 15];
        for y in 1..height - 1 {
            for x in 1..width - 1 {
                let derivatives = [
                    at(y, x + 1) - at(y, x - 1),
                    at(y + 1, x) - at(y - 1, x),
                    at(y, x + 1) - 2.0 * at(y, x) + at(y, x - 1),
                    at(y + 1, x) - 2.0 * at(y, x) + at(y - 1, x),
                    at(y + 1, x + 1) - at(y + 1, x - 1) - at(y - 1, x + 1) + at(y - 1, x - 1),
                ];
                let pairs = (0..5).flat_map(|i| (0..=i).map(move |j| (i, j)));
                sums.iter_mut().zip(pairs).for_each(|(sum, (i, j))| *sum += derivatives[i] * derivatives[j]);
            }
        }
        sums
    };
    (0..set.len()).map(|i| of(set.image(i))).collect()
}

/// The test accuracy of the nearest mean of a class, each feature divided by its standard deviation.
fn nearest_mean(train: &[Vec<f64>], train_labels: &[usize], test: &[Vec<f64>], test_labels: &[usize]) -> f64 {
    let mean = |rows: &[&Vec<f64>], column: usize| rows.iter().map(|r| r[column]).sum::<f64>() / rows.len() as f64;
    let all: Vec<&Vec<f64>> = train.iter().collect();
    let spread: Vec<f64> = (0..train[0].len())
        .map(|c| (all.iter().map(|r| (r[c] - mean(&all, c)).powi(2)).sum::<f64>() / all.len() as f64).sqrt())
        .collect();
    let centers: Vec<Vec<f64>> = (0..NAMES.len())
        .map(|class| {
            let rows: Vec<&Vec<f64>> =
                train.iter().zip(train_labels).filter(|(_, l)| **l == class).map(|(r, _)| r).collect();
            (0..spread.len()).map(|c| mean(&rows, c)).collect()
        })
        .collect();
    let distance = |row: &[f64], center: &[f64]| -> f64 {
        row.iter().zip(center).zip(&spread).map(|((a, b), s)| ((a - b) / s).powi(2)).sum()
    };
    let nearest = |row: &[f64]| {
        (0..centers.len()).min_by(|&a, &b| distance(row, &centers[a]).total_cmp(&distance(row, &centers[b]))).unwrap()
    };
    let right = test.iter().zip(test_labels).filter(|(row, label)| nearest(row) == **label).count();
    right as f64 / test.len() as f64
}

#[test]
fn mean_and_variance_say_nothing_of_the_class_and_covariances_of_derivatives_do() {
    for seed in [0, 1] {
        let Textures { train, test } = textures(seed);
        let accuracy = |features: fn(&Dataset) -> Vec<Vec<f64>>| {
            nearest_mean(&features(&train), train.labels(), &features(&test), test.labels())
        };
        for row in moments(&train) {
            assert!((row[0] - f64::from(MEAN)).abs() < 1e-3, "mean {}", row[0]);
            assert!((row[1].sqrt() - f64::from(CONTRAST)).abs() < 1e-3, "standard deviation {}", row[1].sqrt());
        }
        let (first, second) = (accuracy(moments), accuracy(covariances));
        // Chance is 1/8; of 1600 guesses, one in a thousand times more than 0.15 are right.
        assert!(first < 0.15, "by mean and variance: {first}");
        assert!(second > 0.9, "by covariances of derivatives: {second}");
        // Nor does the mean of a pixel over a class: it differs from that of all by no more than 200 random images do.
        for (class, name) in NAMES.iter().enumerate() {
            let of_class: Vec<usize> = (0..train.len()).filter(|&i| train.label(i) == class).collect();
            let mean = train.subset(&of_class).unwrap().mean_image();
            let error = CONTRAST / (of_class.len() as f32).sqrt();
            let squares = mean.iter().map(|m| ((m - MEAN) / error).powi(2)).sum::<f32>() / mean.len() as f32;
            assert!(squares < 2.0, "{name}: mean square {squares} in standard errors");
        }
    }
}

#[test]
fn stripes_vary_across_their_direction() {
    let set = generate(80, 32, 5).unwrap();
    // The mean product of pixels two steps apart is smaller across the stripes than along them.
    for (class, across, along) in [(2, (1, 0), (0, 1)), (3, (0, 1), (1, 0)), (4, (1, 1), (-1, 1)), (5, (-1, 1), (1, 1))]
    {
        for i in (0..set.len()).filter(|&i| set.label(i) == class) {
            let at = |y: i32, x: i32| set.image(i)[(y * 32 + x) as usize] - MEAN;
            let product = |(dy, dx): (i32, i32)| {
                let inner = (3..29).flat_map(|y| (3..29).map(move |x| (y, x)));
                inner.map(|(y, x)| at(y, x) * at(y + 2 * dy, x + 2 * dx)).sum::<f32>()
            };
            let (across, along) = (product(across), product(along));
            assert!(across < along, "image {i}, {}: {across} across the stripes, {along} along", NAMES[class]);
        }
    }
}
