//! Runs that stop and are taken up again.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use wengert::DType;
use wengert::io::Checkpoint;
use wengert::nn::{BatchNorm, Dropout, Flatten, Layer, Linear, Sequential, Tanh};
use wengert::optim::Adam;
use wengert::train::Trainer;

use crate::{batches, numbers, run};

#[test]
fn a_run_taken_up_is_the_uninterrupted_one_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.safetensors");
    let (straight, one) = run(6, |trainer| trainer);
    run(2, |trainer| trainer.save_checkpoints(&path, 1)).0.unwrap();
    assert_eq!(Checkpoint::load(&path).unwrap().epoch, 2);
    let (resumed, two) = run(6, |trainer| trainer.resume_from(&path).save_checkpoints(&path, 3));
    let (straight, resumed) = (straight.unwrap(), resumed.unwrap());
    assert_eq!(straight.losses, resumed.losses);
    assert_eq!(straight.metrics, resumed.metrics);
    assert_eq!(numbers(&one), numbers(&two));
    let again = run(6, |trainer| trainer.resume_from(&path)).0.unwrap();
    assert_eq!(again, resumed, "a finished run has nothing left to do");
}

#[test]
fn masks_of_dropout_go_on_where_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.safetensors");
    let run = |epochs: usize, change: &dyn Fn(Trainer) -> Trainer| {
        let hidden = Sequential::new().then(Flatten).then(Linear::new(6, 16, 1)).then(Tanh);
        let net = hidden.named("drop", Dropout::new(0.5, 9)).then(Linear::new(16, 3, 2));
        // A cast network: the counter must stay exact.
        net.tensors().iter().for_each(|tensor| tensor.cast(DType::F32));
        let mut optimizer = Adam::new(&net.params(), 0.02).unwrap();
        let trainer = change(Trainer::new(&net, &mut optimizer).epochs(epochs));
        (trainer.fit(&mut batches()).unwrap().losses, numbers(&net))
    };
    let straight = run(5, &|trainer| trainer);
    run(2, &|trainer| trainer.save_checkpoints(&path, 1));
    let resumed = run(5, &|trainer| trainer.resume_from(&path));
    assert_eq!(straight, resumed);
    let calls = straight.1.last().unwrap();
    assert_eq!(calls[..], [35.0], "one mask for each of 5 times 7 batches");
}

/// The run of the process that is killed: slow, with a checkpoint after each epoch.
fn slow_run(path: &Path) {
    let wait = |_: &wengert::train::Iteration| {
        std::thread::sleep(Duration::from_millis(20));
        Ok(())
    };
    run(12, |trainer| trainer.save_checkpoints(path, 1).on_iteration(wait)).0.unwrap();
}

/// Not a test of its own: what the process that is killed does.
#[test]
fn child_of_the_kill() {
    if let Some(path) = std::env::var_os("WENGERT_TEST_CHILD") {
        slow_run(Path::new(&path));
    }
}

#[test]
fn a_killed_process_leaves_a_whole_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.safetensors");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "resume::child_of_the_kill"])
        .env("WENGERT_TEST_CHILD", &path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let mut looks = 0;
    // Every look at the file while it is being replaced finds a whole one.
    while looks < 25 && start.elapsed() < Duration::from_secs(60) {
        if path.exists() {
            Checkpoint::load(&path).unwrap();
            looks += 1;
        }
        std::thread::sleep(Duration::from_millis(3));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let saved = Checkpoint::load(&path).unwrap();
    assert!((1..12).contains(&saved.epoch), "killed after epoch {}", saved.epoch);
    let (straight, one) = run(12, |trainer| trainer);
    let (resumed, two) = run(12, |trainer| trainer.resume_from(&path));
    assert_eq!(straight.unwrap().losses, resumed.unwrap().losses);
    assert_eq!(numbers(&one), numbers(&two));
}

#[test]
fn checkpoints_of_other_runs_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.safetensors");
    run(1, |trainer| trainer.save_checkpoints(&path, 1)).0.unwrap();
    let resuming = format!("resuming from {}: ", path.display());
    let error = |seed, batch: usize| {
        let (result, _) =
            run(2, |trainer| trainer.resume_from(&path).settings(seed, serde_json::json!({ "batch": batch })));
        result.unwrap_err().to_string().replace(&resuming, "")
    };
    assert_eq!(error(4, 8), "seed = 4 (it was 3), but it must be what it was when the run was started");
    let expected =
        r#"settings = {"batch":9} (they were {"batch":8}), but it must be what it was when the run was started"#;
    assert_eq!(error(3, 9), expected);

    let wide = Sequential::new().then(Flatten).then(Linear::new(6, 5, 1)).then(BatchNorm::new(5)).then(Tanh);
    let wide = wide.then(Linear::new(5, 3, 2));
    let mut optimizer = Adam::new(&wide.params(), 0.02).unwrap();
    let trainer = Trainer::new(&wide, &mut optimizer).settings(3, serde_json::json!({ "batch": 8 }));
    let error = trainer.resume_from(&path).fit(&mut batches()).unwrap_err().to_string();
    let expected = "its entry `net.1.weight` has shape [16, 6], but [5, 6] is needed";
    assert_eq!(error, format!("{}: {expected}", path.display()));
}
