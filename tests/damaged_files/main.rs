//! Files that are damaged at random, from a seed: each is read or refused without a panic, within a bound of memory,
//! and whatever is refused changes neither network nor optimizer nor any file.
//!
//! `.ci/fuzz` runs the same with as many cases and as long as wanted: `WENGERT_FUZZ_CASES` is the number of cases of
//! each test, `WENGERT_FUZZ_SEED` the seed of the first one.

#[path = "../fuzz/mod.rs"]
mod fuzz;
mod mutate;

use std::{
    alloc::{GlobalAlloc, Layout as Block, System},
    cell::Cell,
    fs,
    io::Write,
    path::Path,
};

use flate2::{Compression, write::GzEncoder};
use fuzz::{Case, seeds};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::json;
use wengert::data::idx::{self, Idx};
use wengert::io::{self, Checkpoint, TensorFile};
use wengert::nn::{BatchNorm, Layer, Linear, Sequential};
use wengert::optim::{Adam, Optimizer};
use wengert::train::Trainer;
use wengert::{DType, Param, Tensor};

/// The system's allocator, which counts.
struct Counting;

thread_local! {
    /// The bytes that this thread has taken and not given back, and the most so far.
    static USED: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    USED.set(USED.get() + bytes);
    PEAK.set(PEAK.get().max(USED.get()));
}

// SAFETY: every call is passed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, block: Block) -> *mut u8 {
        count(block.size() as isize);
        // SAFETY: the caller's promise is the one that the system requires.
        unsafe { System.alloc(block) }
    }
    unsafe fn dealloc(&self, at: *mut u8, block: Block) {
        count(-(block.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(at, block) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What `read` returns, which runs on this thread alone; it must not have more than `bound` bytes in use at once.
fn within<T>(bound: usize, read: impl FnOnce() -> T) -> T {
    let before = USED.get();
    PEAK.set(before);
    let result = read();
    let used = PEAK.get() - before;
    assert!(used as usize <= bound, "{used} bytes were in use at once, but no more than {bound} are needed");
    result
}

/// Runs `check` on as many files as wanted, each damaged by `damage`. It returns whether the file was accepted; after
/// each case the folder must hold the file as it was, and nothing else.
fn each(name: &str, damage: impl Fn(&mut StdRng) -> Vec<u8>, mut check: impl FnMut(&Path, usize) -> bool) {
    let seeds = seeds(10_000);
    let cases = seeds.end - seeds.start;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let mut accepted = 0;
    for seed in seeds {
        let _case = Case(name, seed);
        let file = damage(&mut StdRng::seed_from_u64(seed));
        fs::write(&path, &file).unwrap();
        accepted += u64::from(check(&path, file.len()));
        assert!(fs::read(&path).unwrap() == file, "the file was changed");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "another file was written");
        // Writing a file anew is much faster than writing over it.
        fs::remove_file(&path).unwrap();
    }
    assert!(cases < 100 || (0 < accepted && accepted < cases), "{accepted} of {cases} files were accepted");
}

fn written(write: impl FnOnce(&Path)) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole");
    write(&path);
    fs::read(path).unwrap()
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn images() -> Vec<u8> {
    let bytes = (0..20 * 8 * 8_u32).map(|i| (i * i % 251) as u8).collect();
    written(|path| Idx { dims: vec![20, 8, 8], bytes }.write(path).unwrap())
}

/// Reads what may be an idx file; `most` is how many bytes it can hold, packed or not.
fn read_idx(path: &Path, most: usize) -> bool {
    let read = within(4 * most + (256 << 10), || idx::read(path, 3));
    read.is_ok_and(|idx| {
        assert_eq!(idx.dims.iter().product::<usize>(), idx.bytes.len());
        true
    })
}

#[test]
fn a_damaged_idx_file_is_read_or_refused() {
    let whole = images();
    let damage = |rng: &mut StdRng| {
        let mut file = whole.clone();
        mutate::bytes(rng, &mut file);
        file
    };
    each("images", damage, read_idx);
}

#[test]
fn a_damaged_packed_idx_file_is_read_or_refused() {
    let (whole, packed) = (images(), pack(&images()));
    let damage = |rng: &mut StdRng| {
        let mut file = if rng.random_bool(0.5) { whole.clone() } else { packed.clone() };
        let inside = file.len() == whole.len();
        mutate::bytes(rng, &mut file);
        // Zeros without end behind it, which pack well.
        if inside && rng.random_bool(0.01) {
            file.resize(8 << 20, 0);
        }
        if inside { pack(&file) } else { file }
    };
    // A byte can stand for 1032; zeros behind the numbers of a whole file are not among what is unpacked.
    each("images.gz", damage, |path, len| read_idx(path, 1032 * len));
}

/// A small gray image in one of four formats.
#[cfg(all(unix, feature = "images"))]
fn picture(rng: &mut StdRng) -> Vec<u8> {
    use image::{GrayImage, ImageFormat::*};
    let image = GrayImage::from_fn(9, 7, |x, y| [(20 * x + 3 * y * y) as u8].into());
    let mut file = std::io::Cursor::new(Vec::new());
    image.write_to(&mut file, [Png, Jpeg, Bmp, Pnm][rng.random_range(0..4)]).unwrap();
    file.into_inner()
}

#[cfg(all(unix, feature = "images"))]
#[test]
fn a_damaged_image_is_read_or_refused() {
    let damage = |rng: &mut StdRng| {
        let mut file = picture(rng);
        mutate::bytes(rng, &mut file);
        file
    };
    let (root, mut class) = (tempfile::tempdir().unwrap(), None);
    each("image", damage, |path, _| {
        class.get_or_insert_with(|| {
            std::os::unix::fs::symlink(path.parent().unwrap(), root.path().join("class")).unwrap()
        });
        match wengert::data::ImageFolder::new(root.path()).load() {
            Ok(set) => set.len() == 1,
            Err(error) => {
                assert!(error.to_string().contains("class/image"), "{error}");
                false
            }
        }
    });
}

fn net() -> Sequential {
    Sequential::new().then(Linear::new(3, 4, 0)).then(BatchNorm::new(4)).named("out", Linear::new(4, 2, 1))
}

/// All bits of the tensors, so that a NaN is equal to itself.
fn bits(tensors: &[Param]) -> Vec<Vec<u64>> {
    tensors.iter().map(|param| param.value().to_vec().into_iter().map(f64::to_bits).collect()).collect()
}

/// The bytes that reading a file of this size may take: the file, its numbers, and a header as text and as a tree.
fn file_bound(len: usize) -> usize {
    32 * len + (64 << 10)
}

#[test]
fn damaged_weights_are_read_or_refused() {
    let (source, target) = (net(), net());
    let whole = written(|path| io::save(path, &source.tensors()).unwrap());
    let damage = |rng: &mut StdRng| {
        let mut file = whole.clone();
        if rng.random_bool(0.6) {
            mutate::header(rng, &mut file);
        } else {
            mutate::bytes(rng, &mut file);
        }
        file
    };
    let (tensors, fresh) = (target.tensors(), net());
    let before = bits(&tensors);
    each("model.safetensors", damage, |path, len| {
        let loaded = within(file_bound(len), || io::load(path, &tensors));
        match loaded {
            Err(_) => assert!(bits(&tensors) == before, "refused weights have changed the network"),
            Ok(()) => tensors.iter().zip(fresh.tensors()).for_each(|(param, old)| param.set(&old.value()).unwrap()),
        }
        loaded.is_ok()
    });
}

/// A checkpoint after two epochs of one batch, with validations.
fn checkpoint(net: &Sequential) -> TensorFile {
    let mut checkpoint = Checkpoint::new(&net.tensors(), Adam::new(&net.params(), 0.1).unwrap().state());
    (checkpoint.epoch, checkpoint.iteration, checkpoint.learning_rate) = (2, 2, 0.1);
    checkpoint.losses = vec![0.5, 0.25];
    checkpoint.metrics = vec![("accuracy".into(), vec![0.5, 1.0])];
    checkpoint.validation = ["epoch", "loss", "metric.accuracy"].map(|name| (name.to_owned(), vec![1.0, 2.0])).into();
    let mut file = TensorFile::default();
    written(|path| {
        checkpoint.save(path).unwrap();
        file = TensorFile::read(path).unwrap();
    });
    file
}

/// Damages the entries of a checkpoint, and leaves the file itself whole.
fn entries(rng: &mut StdRng, file: &mut TensorFile) {
    let at = rng.random_range(0..file.tensors.len());
    let other = file.tensors[rng.random_range(0..file.tensors.len())].clone();
    let (name, tensor) = &mut file.tensors[at];
    match rng.random_range(0..6) {
        0 => {
            let (mut numbers, dtype) = (tensor.to_vec(), tensor.dtype());
            mutate::value(rng, &mut numbers);
            *tensor = Tensor::from_vec(numbers, tensor.shape().clone()).unwrap().cast(dtype);
        }
        1 => *tensor = other.1,
        2 => drop(file.tensors.remove(at)),
        3 => *name = mutate::text(rng, name),
        4 => *tensor = Tensor::from(tensor.to_vec()),
        _ => file.metadata.values_mut().for_each(|text| *text = mutate::text(rng, text)),
    }
}

/// The bytes of a file, unchecked: two entries may have one name.
fn encode(file: &TensorFile) -> Vec<u8> {
    let (mut header, mut numbers) = (vec![format!(r#""__metadata__":{}"#, json!(file.metadata))], Vec::new());
    for (name, tensor) in &file.tensors {
        let start = numbers.len();
        match tensor.dtype() {
            DType::F32 => tensor.to_vec().into_iter().for_each(|x| numbers.extend((x as f32).to_le_bytes())),
            DType::F64 => tensor.to_vec().into_iter().for_each(|x| numbers.extend(x.to_le_bytes())),
        }
        let dtype = format!("{:?}", tensor.dtype());
        let entry = json!({ "dtype": dtype, "shape": tensor.shape().dims(), "data_offsets": [start, numbers.len()] });
        header.push(format!("{}:{entry}", json!(name)));
    }
    let header = format!("{{{}}}", header.join(","));
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &numbers].concat()
}

#[test]
fn a_damaged_checkpoint_is_resumed_or_refused() {
    let fresh = net();
    let whole = checkpoint(&fresh);
    let plain = encode(&whole);
    let damage = |rng: &mut StdRng| {
        let (mut entry, mut file) = (whole.clone(), plain.clone());
        match rng.random_range(0..4) {
            0 => mutate::bytes(rng, &mut file),
            1 => mutate::header(rng, &mut file),
            _ => {
                entries(rng, &mut entry);
                file = encode(&entry);
            }
        }
        file
    };
    let batch = (Tensor::from([[0.0, 1.0, 2.0], [1.0, 0.0, -1.0]]), vec![0, 1]);
    each("checkpoint.safetensors", damage, |path, len| {
        let loaded = within(file_bound(len), || Checkpoint::load(path));
        let net = net();
        let mut adam = Adam::new(&net.params(), 0.1).unwrap();
        let (before, state) = (bits(&net.tensors()), adam.state());
        let refused = match loaded {
            Ok(checkpoint) => checkpoint.restore(&net.tensors(), |state| adam.load_state(state)).is_err(),
            Err(_) => true,
        };
        if refused {
            assert!(bits(&net.tensors()) == before, "a refused checkpoint has changed the network");
            assert!(adam.state() == state, "a refused checkpoint has changed the optimizer");
        }
        // At most one more epoch; a network of NaN is an error of its own.
        let trainer = Trainer::new(&net, &mut adam).epochs(3).resume_from(path);
        let _ = trainer.fit(&mut (1, |_| std::iter::once(batch.clone())));
        !refused
    });
}
