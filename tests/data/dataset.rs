//! Data sets from numbers: what they hold, and what is refused.

use wengert::data::Dataset;

fn names(n: usize) -> Vec<String> {
    (0..n).map(|i| i.to_string()).collect()
}

fn set() -> Dataset {
    Dataset::new((0..24).map(|i| i as f32).collect(), vec![2, 0, 2], [2, 2, 2], names(3)).unwrap()
}

fn message(images: Vec<f32>, labels: Vec<usize>, shape: [usize; 3], classes: usize) -> String {
    Dataset::new(images, labels, shape, names(classes)).unwrap_err().to_string()
}

#[test]
fn an_image_is_its_part_of_the_buffer() {
    let set = set();
    assert_eq!((set.len(), set.shape(), set.image_len(), set.classes()), (3, [2, 2, 2], 8, 3));
    assert_eq!(set.image(2), (16..24).map(|i| i as f32).collect::<Vec<_>>());
    assert_eq!((set.label(0), set.label(1), set.labels()), (2, 0, &[2, 0, 2][..]));
    assert_eq!(set.class_counts(), [1, 0, 2]);
    assert_eq!(set.mean_image(), (8..16).map(|i| i as f32).collect::<Vec<_>>());
    assert_eq!(set.clone().with_names(&["a", "b", "c"]).unwrap().names(), ["a", "b", "c"]);
}

#[test]
fn first_keeps_the_order() {
    let two = set().first(2).unwrap();
    assert_eq!((two.len(), two.labels(), two.images().len()), (2, &[2, 0][..], 16));
    for wrong in [0, 4] {
        assert_eq!(
            set().first(wrong).unwrap_err().to_string(),
            format!(
                "a data set of 3 images: first = {wrong}, but it must be at least 1 and at most the number of images"
            )
        );
    }
}

#[test]
fn bad_data_is_named() {
    assert_eq!(message(vec![], vec![], [1, 1, 1], 2), "the data set is empty: it needs at least one labeled image");
    assert_eq!(
        message(vec![0.0], vec![0], [1, 1, 1], 0),
        "the list of class names is empty: a data set needs a name for each class"
    );
    assert_eq!(
        message(vec![], vec![0], [1, 0, 1], 1),
        "data set: image shape = [1, 0, 1], but it must be three sizes of at least 1"
    );
    assert_eq!(
        message(vec![0.0; 7], vec![0, 1], [1, 2, 2], 2),
        "a tensor of shape [2, 1, 2, 2] has 8 elements, but 7 numbers were given"
    );
    assert_eq!(
        message(vec![0.0, 1.0, 0.5, f32::NAN], vec![0, 1], [1, 1, 2], 2),
        "image 1 of the data set holds NaN at index 1; every number must be finite"
    );
    assert_eq!(
        message(vec![0.0, 1.0], vec![0, 2], [1, 1, 1], 2),
        "data set: label 2 of observation 1 is out of range for 2 classes (0 to 1)"
    );
    assert_eq!(
        set().with_names(&["a"]).unwrap_err().to_string(),
        "data set: label 2 of observation 0 is out of range for 1 classes (0 to 0)"
    );
}
