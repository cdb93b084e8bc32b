//! Data sets from numbers: what they hold, and what is refused.

use wengert::{
    DType, Tensor,
    data::{Batches, Dataset, Shuffle},
};

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
        message(vec![0.0; 12], vec![0, 1], [1, 2, 2], 2),
        "data set: labels = 2 of them for 3 images, but it must be one for each image"
    );
    assert_eq!(
        message(vec![0.0, 1.0, 0.5, f32::NAN], vec![0, 1], [1, 1, 2], 2),
        "image 1 of the data set holds NaN at index 1; every number must be finite"
    );
    assert_eq!(
        message(vec![0.0, 1.0], vec![0, 2], [1, 1, 1], 2),
        "data set: label 2 of observation 1 is out of range for 2 classes (0 to 1); labels count from 0, so subtract 1 if these count from 1, or provide 3 classes"
    );
    assert_eq!(
        set().with_names(&["a"]).unwrap_err().to_string(),
        "data set: label 2 of observation 0 is out of range for 1 class (only 0); labels count from 0, so subtract 1 if these count from 1, or provide 3 classes"
    );
}

#[test]
fn a_data_set_becomes_a_tensor_and_is_made_of_one() {
    let set = set();
    let images = set.tensor();
    assert_eq!((images.shape().dims(), images.dtype()), (&[3, 2, 2, 2][..], DType::F32));
    assert_eq!((images.at(&[0, 1, 0, 1]), images.at(&[2, 1, 1, 0])), (5.0, 22.0));
    assert_eq!(Dataset::from_tensor(&images, vec![2, 0, 2], names(3)).unwrap(), set);
    assert_eq!(Dataset::from_tensor(images.cast(DType::F64), vec![2, 0, 2], names(3)).unwrap(), set);

    let batches = Batches::new(set, 2).unwrap().shuffle(Shuffle::Never, 0);
    let pair = batches.gather(&[2, 0]).tensor();
    assert_eq!((pair.shape().dims(), pair.at(&[0, 0, 0, 0]), pair.at(&[1, 1, 1, 1])), (&[2, 2, 2, 2][..], 16.0, 7.0));
}

#[test]
fn a_tensor_that_is_no_data_set_is_named() {
    let refused =
        |images: Tensor, labels: Vec<usize>| Dataset::from_tensor(images, labels, names(2)).unwrap_err().to_string();
    assert_eq!(
        refused(Tensor::zeros([2, 4, 4], DType::F32), vec![0, 1]),
        "data set: images [n, channels, height, width] are needed, but got [2, 4, 4]"
    );
    assert_eq!(
        refused(Tensor::zeros([2, 1, 4, 4], DType::F32), vec![0, 1, 1]),
        "data set: there must be an image for each of the 3 labels, but got [2, 1, 4, 4]"
    );
    assert_eq!(
        refused(Tensor::zeros([1, 1, 1, 1], DType::F32), vec![2]),
        "data set: label 2 of observation 0 is out of range for 2 classes (0 to 1); labels count from 0, so subtract 1 if these count from 1, or provide 3 classes"
    );
    assert_eq!(
        refused(Tensor::from([[[[0.0, 1e300]]]]), vec![0]),
        "image 0 of the data set holds inf at index 1; every number must be finite"
    );
}

#[test]
fn an_image_that_is_not_there_is_named() {
    let set = set();
    for ask in [|set: &Dataset| set.image(3).len(), |set: &Dataset| set.label(3)] {
        let panic = std::panic::catch_unwind(|| ask(&set)).unwrap_err();
        let need = "there is no image 3 in a data set of 3 images, which count from 0";
        assert_eq!(panic.downcast_ref::<String>().unwrap(), need);
    }
}
