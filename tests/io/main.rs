//! Weights on disk: the round trip, the format's own reader, and every damaged file.
#![cfg(all(feature = "io", feature = "nn"))]

mod atomic;
mod checkpoint;
#[cfg(unix)]
mod special;

use std::{collections::BTreeMap, fs, path::Path};

use wengert::io::{self, TensorFile};
use wengert::nn::{BatchNorm, Layer, Linear, Sequential};
use wengert::{DType, Param, Tensor};

fn net(inputs: usize, seed: u64) -> Sequential {
    Sequential::new()
        .then(Linear::new(inputs, 4, seed))
        .then(BatchNorm::new(4))
        .named("out", Linear::new(4, 2, seed + 1))
}

fn numbers(params: &[Param]) -> Vec<Vec<f64>> {
    params.iter().map(|p| p.value().to_vec()).collect()
}

/// The message of an error, without the path that it starts with.
fn message<T>(path: &Path, result: wengert::Result<T>) -> String {
    let text = result.err().expect("this must fail").to_string();
    text.strip_prefix(&format!("{}: ", path.display())).unwrap_or(&text).to_owned()
}

#[test]
fn weights_come_back_bit_for_bit_under_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let (one, two) = (net(3, 0), net(3, 7));
    one.tensors()[2].cast(DType::F64);
    one.tensors()[2].update(|t| *t = Tensor::from([0.1, 0.2, 0.3, 0.4]));
    io::save(&path, &one.tensors()).unwrap();
    two.tensors()[2].cast(DType::F64);
    io::load(&path, &two.tensors()).unwrap();
    assert_eq!(numbers(&one.tensors()), numbers(&two.tensors()));

    let names: Vec<String> = io::load_tensors(&path).unwrap().into_iter().map(|(name, _)| name).collect();
    let expected =
        ["0.bias", "0.weight", "1.bias", "1.running_mean", "1.running_var", "1.weight", "out.bias", "out.weight"];
    assert_eq!(names, expected);
}

#[test]
fn another_precision_is_converted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let double = Param::new("w", Tensor::from([0.1, 0.2]));
    let single = Param::new("w", Tensor::zeros([2], DType::F32));
    io::save(&path, &[double]).unwrap();
    io::load(&path, std::slice::from_ref(&single)).unwrap();
    assert_eq!((single.dtype(), single.value().to_vec()), (DType::F32, vec![f64::from(0.1f32), f64::from(0.2f32)]));
}

#[test]
fn the_layout_is_that_of_the_format() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    let tensors = vec![("x".to_owned(), Tensor::from([[1.0, -2.0]]))];
    TensorFile { tensors, metadata: BTreeMap::from([("k".to_owned(), "v".to_owned())]) }.write(&path).unwrap();
    let bytes = fs::read(&path).unwrap();
    let header = r#"{"__metadata__":{"k":"v"},"x":{"dtype":"F64","shape":[1,2],"data_offsets":[0,16]}}"#;
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    assert_eq!(std::str::from_utf8(&bytes[8..8 + length]).unwrap().trim_end(), header);
    assert_eq!(bytes[8 + length..], [1.0f64.to_le_bytes(), (-2.0f64).to_le_bytes()].concat());
}

/// A file with this header and these bytes of numbers.
fn file(path: &Path, header: &str, numbers: &[u8]) {
    fs::write(path, [&(header.len() as u64).to_le_bytes(), header.as_bytes(), numbers].concat()).unwrap();
}

#[test]
fn whole_numbers_are_read_and_other_types_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    let whole = [3i64, -4].map(i64::to_le_bytes).concat();
    file(&path, r#"{"labels":{"dtype":"I64","shape":[2],"data_offsets":[0,16]}}"#, &whole);
    assert_eq!(io::load_tensors(&path).unwrap()[0].1.to_vec(), [3.0, -4.0]);
    file(&path, r#"{"half":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}"#, &[0; 4]);
    let expected = "its entry `half` holds F16, but only F32, F64 and I64 can be read";
    assert_eq!(message(&path, io::load_tensors(&path)), expected);
}

#[test]
fn damaged_files_are_named_with_the_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let layer = net(3, 0);
    let tensors = layer.tensors();
    io::save(&path, &tensors).unwrap();
    let (whole, before) = (fs::read(&path).unwrap(), numbers(&tensors));
    let check = |bytes: &[u8], expected: &str| {
        fs::write(&path, bytes).unwrap();
        let message = message(&path, io::load(&path, &tensors));
        assert!(message.contains(expected), "{message:?} does not contain {expected:?}");
    };
    check(b"", "it holds 0 bytes, too few for a safetensors file, which starts with 8");
    check(b"\x89PNG\r\n\x1a\n and so on", "it does not start as a safetensors file, with a length and `{`");
    check(&whole[..40], "bytes, but it holds 40");
    check(&whole[..whole.len() - 1], "incomplete metadata, file not fully covered");
    check(&[whole.as_slice(), &[0]].concat(), "incomplete metadata, file not fully covered");
    check(b"\xff\xff\xff\xff\xff\xff\xff\xff{", "its header has an impossible length");
    let mut broken = whole.clone();
    broken[9] = b'!';
    check(&broken, "invalid JSON in header");
    // Every prefix of a file is rejected, without a panic.
    for end in 0..whole.len() {
        fs::write(&path, &whole[..end]).unwrap();
        assert!(io::load(&path, &tensors).is_err(), "a file of {end} bytes was taken");
    }
    assert_eq!(numbers(&tensors), before);
    let nowhere = folder.path().join("none");
    let message = io::load(&nowhere, &tensors).unwrap_err().to_string();
    assert!(message.starts_with(&format!("cannot read {}: No such file", nowhere.display())), "{message}");
}

#[test]
fn weights_of_another_network_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let (source, target) = (net(3, 0), net(3, 5));
    let before = numbers(&target.tensors());
    let all = source.tensors();

    io::save(&path, &all[..7]).unwrap();
    assert_eq!(message(&path, io::load(&path, &target.tensors())), "it has no entry `1.running_var`");
    let extra = [all.clone(), vec![Param::new("2.weight", Tensor::from([1.0]))]].concat();
    io::save(&path, &extra).unwrap();
    let expected = "its entry `2.weight` is left over; load it into the `tensors()` of the network that was saved, for `params()` leaves out running statistics";
    assert_eq!(message(&path, io::load(&path, &target.tensors())), expected);
    io::save(&path, &net(5, 0).tensors()).unwrap();
    let expected = "its entry `0.weight` has shape [4, 5], but [4, 3] is needed";
    assert_eq!(message(&path, io::load(&path, &target.tensors())), expected);
    assert_eq!(numbers(&target.tensors()), before);
}

#[test]
fn running_statistics_are_not_loaded_into_the_parameters_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let (source, target) = (net(3, 0), net(3, 5));
    io::save(&path, &source.tensors()).unwrap();
    let before = numbers(&target.tensors());
    let expected = "its entry `1.running_mean` is left over; load it into the `tensors()` of the network that was saved, for `params()` leaves out running statistics";
    assert_eq!(message(&path, io::load(&path, &target.params())), expected);
    assert_eq!(numbers(&target.tensors()), before);
}

#[test]
fn two_parameters_of_one_name_are_not_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let named = |value: f64| Param::new("w", Tensor::from([value]));
    io::save(&path, &[named(1.0)]).unwrap();
    let twins = [named(2.0), named(3.0)];
    let expected = format!(
        "loading {}: tensor name = `w` twice, but it must be different for each; keep layers apart in a `Sequential`, or parameters with `Param::under`",
        path.display()
    );
    assert_eq!(io::load(&path, &twins).unwrap_err().to_string(), expected);
    assert_eq!(numbers(&twins), [[2.0], [3.0]]);
}

#[test]
fn two_tensors_of_one_name_are_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let twins = [Param::new("w", Tensor::from([1.0])), Param::new("w", Tensor::from([2.0]))];
    let expected = format!(
        "saving {}: tensor name = `w` twice, but it must be different for each; keep layers apart in a `Sequential`, or parameters with `Param::under`",
        path.display()
    );
    assert_eq!(io::save(&path, &twins).unwrap_err().to_string(), expected);
    assert!(!path.exists());
}

#[test]
fn a_tensor_called_as_the_metadata_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let error = io::save(&path, &[Param::new("__metadata__", Tensor::from([1.0]))]).unwrap_err().to_string();
    let expected = format!(
        "saving {}: tensor name = `__metadata__`, but it must be another: the format keeps this one for itself",
        path.display()
    );
    assert_eq!((error, path.exists()), (expected, false));
}

#[test]
fn json_is_indented_and_complete() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.json");
    io::write_json(&path, &BTreeMap::from([("loss", vec![0.5, f64::NAN])])).unwrap();
    let expected = "{\n  \"loss\": [\n    0.5,\n    null\n  ]\n}\n";
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
}

#[test]
fn weights_are_loaded_in_part_and_what_did_not_match_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let (source, target) = (net(3, 0), net(3, 4));
    let mut file =
        TensorFile { tensors: vec![("0.num_batches_tracked".into(), Tensor::from([7.0]))], ..TensorFile::default() };
    let params = source.params();
    file.tensors.extend(params[1..].iter().map(|p| (p.name().to_owned(), p.value())));
    file.write(&path).unwrap();
    let before = target.params()[0].value();
    let unmatched = io::load_partial(&path, &target.params()).unwrap();
    assert_eq!(unmatched.unknown, ["0.num_batches_tracked"]);
    assert_eq!(unmatched.missing, [params[0].name()]);
    assert_eq!(target.params()[0].value(), before);
    assert_eq!(numbers(&target.params()[1..]), numbers(&params[1..]));

    let wide = net(5, 0);
    let old = numbers(&wide.params());
    io::save(&path, &source.params()).unwrap();
    let expected = "its entry `0.weight` has shape [4, 3], but [4, 5] is needed";
    assert_eq!(message(&path, io::load_partial(&path, &wide.params())), expected);
    assert_eq!(numbers(&wide.params()), old);
    let twice = [params[0].clone(), params[0].clone()];
    let expected = format!("loading {}: tensor name = `{}` twice", path.display(), params[0].name());
    assert!(io::load_partial(&path, &twice).unwrap_err().to_string().starts_with(&expected));
}
