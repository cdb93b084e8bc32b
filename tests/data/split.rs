//! Data sets split class by class: what goes where, and what is refused.

use wengert::data::Dataset;

/// A set whose image `i` is the number `i`, with 5 images of class "a", 4 of "b" and 6 of "c", in turn.
fn set() -> Dataset {
    let labels = vec![0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 2, 2];
    let names = ["a", "b", "c"].map(String::from).to_vec();
    Dataset::new((0..15).map(|i| i as f32).collect(), labels, [1, 1, 1], names).unwrap()
}

#[test]
fn each_image_is_in_one_part_with_its_label_and_in_order() {
    let (train, test) = set().split_per_class(3, 7).unwrap();
    assert_eq!((train.class_counts(), test.class_counts()), (vec![3, 3, 3], vec![2, 1, 3]));
    for part in [&train, &test] {
        assert!(part.images().is_sorted(), "{:?}", part.images());
        assert!(part.images().iter().zip(part.labels()).all(|(&i, &label)| set().label(i as usize) == label));
        assert_eq!(part.names(), set().names());
    }
    let mut all = [train.images(), test.images()].concat();
    all.sort_by(f32::total_cmp);
    assert_eq!(all, set().images());
}

#[test]
fn a_seed_determines_the_split_and_every_image_is_chosen_by_some_seed() {
    let chosen = |seed| set().split_per_class(2, seed).unwrap().0.images().to_vec();
    assert_eq!(chosen(1), chosen(1));
    let mut counts = [0; 15];
    (0..600).flat_map(chosen).for_each(|i| counts[i as usize] += 1);
    for (i, count) in counts.into_iter().enumerate() {
        // 2 of n are chosen 600 times: a binomial number, here within five standard deviations.
        let p = 2.0 / set().class_counts()[set().label(i)] as f64;
        let deviation = (600.0 * p * (1.0 - p)).sqrt();
        assert!((f64::from(count) - 600.0 * p).abs() < 5.0 * deviation, "image {i}: {count} of 600");
    }
    // Classes are shuffled on their own: the places that "a" and "c" choose differ for some seed.
    assert!((0..20).any(|seed| (chosen(seed)[0] == 0.0) != (chosen(seed).contains(&2.0))));
}

#[test]
fn a_split_that_leaves_a_class_empty_is_refused() {
    let message = |count| set().split_per_class(count, 0).unwrap_err().to_string();
    let must = "but it must be at least 1 and less than the images of each class";
    assert_eq!(message(0), format!("a split of a data set with 5 images of class `a`: count = 0, {must}"));
    assert_eq!(message(4), format!("a split of a data set with 4 images of class `b`: count = 4, {must}"));
}

#[test]
fn a_subset_holds_the_images_asked_for() {
    let some = set().subset(&[14, 0, 14]).unwrap();
    assert_eq!((some.images(), some.labels(), some.classes()), (&[14.0, 0.0, 14.0][..], &[2, 0, 2][..], 3));
    assert_eq!(
        set().subset(&[0, 15]).unwrap_err().to_string(),
        "a subset of a data set of 15 images: index = 15, but it must be less than the number of images"
    );
    assert_eq!(
        set().subset(&[]).unwrap_err().to_string(),
        "the data set is empty: it needs at least one labeled image"
    );
}
