//! A folder of images for each class: every format, every bad file, and a real data set.

use std::{
    fs,
    path::{Path, PathBuf},
};

use image::{DynamicImage, GrayImage, ImageFormat, Rgb, RgbImage};
use tempfile::TempDir;
use wengert::data::{Dataset, ImageFolder, idx};

/// A gray image whose pixel is 10 times its row plus its column.
fn ramp(rows: u32, columns: u32) -> GrayImage {
    GrayImage::from_fn(columns, rows, |x, y| [(10 * y + x) as u8].into())
}

fn encode(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A folder with these files.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for (name, bytes) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    dir
}

/// The message of a folder that cannot be loaded, with its path replaced by "DIR".
fn message(dir: &Path, change: impl Fn(ImageFolder) -> ImageFolder) -> String {
    change(ImageFolder::new(dir)).load().unwrap_err().to_string().replace(dir.to_str().unwrap(), "DIR")
}

/// The pixels of an image as bytes.
fn bytes(set: &Dataset, index: usize) -> Vec<u8> {
    set.image(index).iter().map(|p| (p * 255.0).round() as u8).collect()
}

#[test]
fn classes_and_images_are_sorted_and_formats_known_by_their_contents() {
    let image = ramp(2, 3);
    let dir = folder(&[
        ("b/2.png", &encode(image.clone(), ImageFormat::Png)),
        ("b/10.bmp", &encode(DynamicImage::from(image.clone()).to_rgb8(), ImageFormat::Bmp)),
        ("b/3.dat", &encode(image.clone(), ImageFormat::Pnm)),
        ("a/1.PGM", b"P2 3 2 100 100 0 50 0 0 0"),
        ("a/.hidden", b"not read"),
        (".cache/file", b"not read"),
        ("classes.txt", b"not read"),
    ]);
    let set = ImageFolder::new(dir.path()).load().unwrap();
    assert_eq!(
        (set.shape(), set.labels(), set.names()),
        ([1, 2, 3], &[0, 1, 1, 1][..], &["a", "b"].map(String::from)[..])
    );
    // Its largest value is 100.
    assert_eq!(bytes(&set, 0), [255, 0, 128, 0, 0, 0]);
    for index in 1..4 {
        assert_eq!(bytes(&set, index), [0, 1, 2, 10, 11, 12], "image {index}");
    }
}

#[test]
fn color_images_have_three_planes_and_gray_ones_the_luma() {
    let image = RgbImage::from_fn(2, 1, |x, _| if x == 0 { Rgb([200, 100, 50]) } else { Rgb([7, 7, 7]) });
    let dir = folder(&[("a/1.png", &encode(image, ImageFormat::Png))]);
    let set = ImageFolder::new(dir.path()).color().load().unwrap();
    assert_eq!((set.shape(), bytes(&set, 0)), ([3, 1, 2], vec![200, 7, 100, 7, 50, 7]));
    let luma = 0.2126 * 200.0 + 0.7152 * 100.0 + 0.0722 * 50.0;
    let gray = bytes(&ImageFolder::new(dir.path()).load().unwrap(), 0);
    assert!((f64::from(gray[0]) - luma).abs() <= 1.0 && gray[1] == 7, "{gray:?}, luma {luma}");
}

#[test]
fn a_jpeg_is_read() {
    let image = GrayImage::from_fn(16, 8, |x, _| [(4 * x + 60) as u8].into());
    let dir = folder(&[("a/1.jpg", &encode(image.clone(), ImageFormat::Jpeg))]);
    let set = ImageFolder::new(dir.path()).load().unwrap();
    assert_eq!(set.shape(), [1, 8, 16]);
    for (read, written) in bytes(&set, 0).iter().zip(image.as_raw()) {
        assert!(read.abs_diff(*written) < 12, "{read} and {written}");
    }
}

#[test]
fn a_crop_is_the_middle_and_is_scaled_afterwards() {
    let dir = folder(&[
        ("a/1.png", &encode(ramp(4, 6), ImageFormat::Png)),
        ("a/2.png", &encode(ramp(5, 5), ImageFormat::Png)),
    ]);
    let cropped = ImageFolder::new(dir.path()).center_crop(2, 2);
    let set = cropped.load().unwrap();
    assert_eq!((bytes(&set, 0), bytes(&set, 1)), (vec![12, 13, 22, 23], vec![11, 12, 21, 22]));
    // The mean of four pixels; 17.5 is rounded.
    assert!([17, 18].contains(&bytes(&cropped.clone().resize(1, 1).load().unwrap(), 0)[0]));
    let larger = cropped.resize(6, 4).load().unwrap();
    assert_eq!(larger.shape(), [1, 6, 4]);
    assert!(bytes(&larger, 0).chunks(4).all(|row| row.is_sorted()) && bytes(&larger, 0)[..2] == [12, 12]);
}

#[test]
fn a_bad_folder_is_named() {
    let none = |images| images;
    let dir = TempDir::new().unwrap();
    assert_eq!(message(dir.path(), none), "DIR: it has no folder, but it needs one for each class");
    assert!(message(&dir.path().join("none"), none).starts_with("cannot read DIR: "));
    let dir = folder(&[("a/1.pgm", b"P2 1 1 9 9")]);
    fs::create_dir(dir.path().join("b")).unwrap();
    assert_eq!(message(dir.path(), none), "DIR/b: it has no image, but each class needs at least one");
    fs::create_dir(dir.path().join("b/c")).unwrap();
    assert_eq!(message(dir.path(), none), "cannot read DIR/b/c: it is a folder, but a regular file is needed");
    assert_eq!(
        message(dir.path(), |images| images.center_crop(1, 0)),
        "image folder: center_crop = [1, 0], but it must be two sizes from 1 to 32768"
    );
    assert_eq!(
        message(dir.path(), |images| images.resize(usize::MAX, 1)),
        format!("image folder: resize = [{}, 1], but it must be two sizes from 1 to 32768", usize::MAX)
    );
}

#[test]
fn each_bad_file_is_named() {
    let none = |images| images;
    let good = encode(ramp(9, 9), ImageFormat::Png);
    let with = |bytes: &[u8]| folder(&[("a/1.png", &good), ("a/2.png", bytes)]);
    let said = |bytes: &[u8]| message(with(bytes).path(), none);
    assert_eq!(said(b""), "DIR/a/2.png: it is no image of a known format (PNG, JPEG, BMP, PNM)");
    assert_eq!(said(b"hello, world"), "DIR/a/2.png: it is no image of a known format (PNG, JPEG, BMP, PNM)");
    let gif = said(b"GIF89a and so on");
    assert!(gif.starts_with("DIR/a/2.png: it is an image of a kind that is not read ("), "{gif}");
    for len in [8, 20, good.len() / 2, good.len() - 14] {
        let cut = said(&good[..len]);
        assert!(cut.starts_with("DIR/a/2.png: it is a damaged image ("), "{cut}");
    }
    let small = with(&encode(ramp(4, 12), ImageFormat::Png));
    assert_eq!(
        message(small.path(), none),
        "DIR/a/2.png: it has 4 rows and 12 columns, but the first image has 9 and 9; bring all to one size with \
         `center_crop` or `resize`"
    );
    assert_eq!(
        message(small.path(), |images| images.center_crop(5, 5)),
        "DIR/a/2.png: it has 4 rows and 12 columns, too few for the crop of 5 rows and 5 columns"
    );
    ImageFolder::new(small.path()).resize(3, 3).load().unwrap();
}

#[test]
fn a_small_file_that_promises_a_huge_image_is_refused() {
    let said = |bytes: &[u8]| message(folder(&[("a/1.pgm", bytes)]).path(), |images| images);
    for header in ["P5 32769 1 255\n", "P5 1 4000000000 255\n", "P6 32768 32768 255\n"] {
        let said = said(header.as_bytes());
        assert!(said.starts_with("DIR/a/1.pgm: it is too large an image: "), "{said}");
        assert!(said.ends_with("; 32768 rows and columns and 512 MiB are allowed"), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_or_device_is_refused() {
    let dir = folder(&[("a/1.pgm", b"P2 1 1 9 9")]);
    let pipe = dir.path().join("a/2.png");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let said = message(dir.path(), |images| images);
    assert_eq!(said, "cannot read DIR/a/2.png: it is a pipe, but a regular file is needed");
    fs::remove_file(&pipe).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &pipe).unwrap();
    let said = message(dir.path(), |images| images);
    assert_eq!(said, "cannot read DIR/a/2.png: it is a device, but a regular file is needed");
}

#[test]
fn the_folder_and_the_idx_files_of_a_real_set_are_the_same() {
    let Some(shared) = std::env::var_os("WENGERT_SHARED").map(PathBuf::from) else {
        eprintln!("skipped: WENGERT_SHARED does not name the folder with the reference data");
        return;
    };
    let dir = shared.join("data/kth-tips-grey");
    let set = ImageFolder::new(&dir).center_crop(112, 112).load().unwrap();
    assert_eq!((set.len(), set.shape(), set.class_counts()), (810, [1, 112, 112], vec![81; 10]));
    let names = fs::read_to_string(dir.join("classes.txt")).unwrap();
    let names: Vec<&str> = names.lines().collect();
    assert_eq!(set.names(), names);
    let images = dir.join("kth-crop112-images-idx3-ubyte.gz");
    let same = idx::load(images, dir.join("kth-labels-idx1-ubyte.gz")).unwrap();
    assert_eq!(same.with_names(&names).unwrap(), set);
    let (train, test) = set.split_per_class(40, 0).unwrap();
    assert_eq!((train.class_counts(), test.class_counts()), (vec![40; 10], vec![41; 10]));
}
