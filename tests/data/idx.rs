//! The idx format: the round trip, plain and packed, and every damaged file.

use std::{
    fs,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use flate2::{Compression, write::GzEncoder};
use tempfile::TempDir;
use wengert::data::idx::{Idx, load, read};

use super::pack;

fn sample() -> Idx {
    Idx { dims: vec![2, 1, 3], bytes: vec![1, 2, 3, 4, 5, 255] }
}

/// The bytes that are written for these numbers.
fn encode(idx: &Idx) -> Vec<u8> {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a");
    idx.write(&path).unwrap();
    fs::read(path).unwrap()
}

/// The result of reading a file of this name with these bytes, with its path replaced by "FILE".
fn message(name: &str, bytes: &[u8]) -> String {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join(name);
    fs::write(&path, bytes).unwrap();
    read(&path, 3).unwrap_err().to_string().replace(path.to_str().unwrap(), "FILE")
}

#[test]
fn what_was_written_is_read() {
    let dir = TempDir::new().unwrap();
    let (plain, packed) = (dir.path().join("a"), dir.path().join("a.gz"));
    sample().write(&plain).unwrap();
    fs::write(&packed, pack(&fs::read(&plain).unwrap())).unwrap();
    assert_eq!(fs::read(&plain).unwrap()[..16], [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3]);
    assert_eq!(read(&plain, 3).unwrap(), sample());
    assert_eq!(read(&packed, 3).unwrap(), sample());
}

#[test]
fn another_kind_of_file_is_named() {
    let labels = encode(&Idx { dims: vec![20], bytes: vec![0; 20] });
    let other = "FILE: it starts with 0x00000801 instead of 0x00000803, so it is another kind of file";
    assert_eq!(message("a", &labels), other);
    assert_eq!(message("a.gz", &pack(&labels)), other);
    assert_eq!(
        message("a", &pack(&encode(&sample()))).split(" instead").next().unwrap(),
        "FILE: it starts with 0x1f8b0800"
    );
}

#[test]
fn a_wrong_size_is_named() {
    let good = encode(&sample());
    let longer = [&good[..], &[7, 7, 7]].concat();
    for (name, wrong) in [("a", (good[..20].to_vec(), longer.clone())), ("a.gz", (pack(&good[..20]), pack(&longer)))] {
        assert_eq!(message(name, &wrong.0), "FILE: its header promises 22 bytes, but it holds 20");
        let found = if name == "a" { "25" } else { "more" };
        assert_eq!(message(name, &wrong.1), format!("FILE: its header promises 22 bytes, but it holds {found}"));
    }
    assert_eq!(message("a", &[]), "FILE: it ends inside its header, after 0 of 16 bytes");
    assert_eq!(message("a", &good[..11]), "FILE: it ends inside its header, after 11 of 16 bytes");
    let mut endless = good;
    endless[4..16].fill(0xff);
    assert_eq!(message("a", &endless), format!("FILE: its header promises {} bytes, but it holds 22", u64::MAX));
}

#[test]
fn a_damaged_gzip_stream_is_named() {
    let packed = pack(&encode(&sample()));
    let damaged = |bytes: &[u8]| {
        let message = message("a.gz", bytes);
        assert!(message.starts_with("FILE: its gzip stream is cut short or damaged ("), "{message}");
    };
    (0..packed.len()).for_each(|cut| damaged(&packed[..cut]));
    damaged(&encode(&sample()));
    damaged(&[&packed[..], b"rest"].concat());
    let mut wrong_checksum = packed.clone();
    wrong_checksum[packed.len() - 5] ^= 1;
    damaged(&wrong_checksum);
}

#[test]
fn no_more_is_unpacked_than_the_header_promises() {
    // 1 GB of zeros behind six numbers, in 1 MB.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&encode(&sample())).unwrap();
    (0..1024).for_each(|_| encoder.write_all(&[0; 1 << 20]).unwrap());
    let bomb = encoder.finish().unwrap();
    let start = Instant::now();
    assert_eq!(message("a.gz", &bomb), "FILE: its header promises 22 bytes, but it holds more");
    assert!(start.elapsed() < Duration::from_millis(200), "it took {:?}", start.elapsed());
}

#[test]
fn an_unreadable_file_is_named() {
    let dir = TempDir::new().unwrap();
    let missing = dir.path().join("none");
    let message = |path: &Path| read(path, 1).unwrap_err().to_string();
    assert!(message(&missing).starts_with(&format!("cannot read {}: ", missing.display())));
    assert!(message(dir.path()).starts_with(&format!("cannot read {}: ", dir.path().display())));
    let expected = format!("cannot write {}: it is a folder, but a regular file is needed", dir.path().display());
    assert_eq!(sample().write(dir.path()).unwrap_err().to_string(), expected);
}

#[test]
fn images_and_labels_become_a_data_set() {
    let dir = TempDir::new().unwrap();
    let (images, labels) = (dir.path().join("images"), dir.path().join("labels"));
    let put = |image_dims: [usize; 3], of: &[u8]| {
        let bytes = (0..image_dims.iter().product()).map(|i| i as u8).collect();
        Idx { dims: image_dims.to_vec(), bytes }.write(&images).unwrap();
        Idx { dims: vec![of.len()], bytes: of.to_vec() }.write(&labels).unwrap();
        load(&images, &labels)
    };
    let set = put([2, 2, 3], &[2, 0]).unwrap();
    assert_eq!((set.shape(), set.labels(), set.class_counts()), ([1, 2, 3], &[2, 0][..], vec![1, 0, 1]));
    assert_eq!((set.names()[2].as_str(), set.image(1)[5]), ("2", 11.0 / 255.0));
    assert_eq!(put([2, 1, 1], &[255, 0]).unwrap().classes(), 256);

    let message = |result: wengert::Result<wengert::data::Dataset>| {
        result.unwrap_err().to_string().replace(dir.path().to_str().unwrap(), "DIR")
    };
    assert_eq!(message(put([2, 2, 3], &[1])), "DIR/labels: it holds 1 items, but DIR/images holds 2");
    assert_eq!(message(put([0, 2, 3], &[])), "the data set is empty: it needs at least one labeled image");
    assert_eq!(
        message(put([1, 0, 3], &[1])),
        "data set: image shape = [1, 0, 3], but it must be three sizes of at least 1"
    );
    assert_eq!(
        message(load(&labels, &images)),
        "DIR/labels: it starts with 0x00000801 instead of 0x00000803, so it is another kind of file"
    );
}
