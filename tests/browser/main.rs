//! The tape viewer: its page as text, and in a real browser.
//!
//! The tests in the browser need Node, the package `playwright-core` and Chromium, all of which `.ci/browser` finds or
//! installs. It sets `WENGERT_BROWSER` to the browser and `WENGERT_PLAYWRIGHT` to the folder of the package; without them
//! these tests say that they are skipped. `viewer.mjs` holds what they do.
#![cfg(all(feature = "view", feature = "train"))]

#[path = "../../tutorials/03_elu_digits/elu.rs"]
mod elu;
#[path = "../../tutorials/03_elu_digits/net.rs"]
mod net;

use std::{env, fs, path::Path, process::Command};

use wengert::{DType, Gradients, Tape, Tensor, Var, data, inspect, nn::Layer};

/// A neuron and its loss: nine nodes.
fn neuron(path: &Path) {
    let tape = Tape::f64();
    let (x, w, b) = (tape.leaf(0.5).named("x"), tape.leaf(-1.5).named("w"), tape.leaf(0.25).named("b"));
    let z = {
        let _layer = tape.scope("neuron");
        (x * w + b).tanh()
    };
    let loss = ((z - 1.0).square() * 0.5).named("loss");
    inspect::html(&tape, &loss.backward().unwrap(), path).unwrap();
}

/// A recurrence of a thousand layers, five nodes each.
fn recurrence(path: &Path) {
    let tape = Tape::f64();
    let (w, u) = (tape.leaf(0.9).named("w"), tape.leaf([0.1, -0.2, 0.3]).named("u"));
    let mut h = tape.leaf([0.5, 0.1, -0.4]).named("h");
    for step in 0..999 {
        let _outer = tape.scope("rnn");
        let _layer = tape.scope(&format!("step{step}"));
        h = ((h * w + u).tanh() * 0.5 - 0.01).named("state");
    }
    let loss = h.square().sum().named("loss");
    assert_eq!(tape.len(), 5000);
    inspect::html(&tape, &loss.backward().unwrap(), path).unwrap();
}

/// The network of the third tutorial on a batch of 128 digits, as a page.
fn digits(path: &Path) {
    with_digits(|tape, gradients| inspect::html(tape, gradients, path).unwrap());
}

/// The same as a picture.
fn picture(path: &Path) {
    with_digits(|tape, gradients| {
        let svg = inspect::Graph::of(tape).values().gradients(gradients).unwrap().layers(100).svg();
        fs::write(path, svg).unwrap();
    });
}

fn with_digits(see: impl Fn(&Tape, &Gradients)) {
    let train = data::digits(0).train;
    let (net, _) = net::build(&train, 0, DType::F32).unwrap();
    let tape = Tape::new();
    let numbers: Vec<f64> = (0..128).flat_map(|i| train.image(i).iter().map(|&x| f64::from(x))).collect();
    let x = tape.constant(Tensor::from_vec(numbers, [128, 1, 28, 28]).unwrap()).named("images");
    let labels: Vec<usize> = (0..128).map(|i| train.label(i)).collect();
    let loss = net.forward(x).cross_entropy(&labels).named("loss");
    see(&tape, &loss.backward().unwrap());
}

/// Names that try to be markup, to end the script, or to be a mark of the page itself; numbers that JSON has not.
fn hostile(path: &Path) {
    let tape = Tape::f64();
    let x = tape.leaf([0.0, -1.0]).named("</script><script>document.body.dataset.broken = 1</script>");
    let y: Var<'_> = {
        let _layer = tape.scope("<img src=x onerror='document.body.dataset.broken = 2'>");
        x.ln().named("<!--style--> & \"quoted\" \u{2028} ${x} \\frac{a}{b}")
    };
    let loss = y.sum().named("𝓛 – größer");
    inspect::html(&tape, &loss.backward().unwrap(), path).unwrap();
}

/// Runs one part of `viewer.mjs` on a page, if there is a browser.
fn in_the_browser(part: &str, write: fn(&Path)) {
    let (Some(browser), Some(playwright)) = (env::var_os("WENGERT_BROWSER"), env::var_os("WENGERT_PLAYWRIGHT")) else {
        println!("skipped: WENGERT_BROWSER and WENGERT_PLAYWRIGHT are not set; run .ci/browser");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let pictures = env::var_os("WENGERT_PICTURES").map_or(folder.path().to_owned(), Into::into);
    let page = folder.path().join(if part == "picture" { "tape.svg" } else { "page.html" });
    write(&page);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/viewer.mjs");
    let output = Command::new("node")
        .args([script.as_os_str(), part.as_ref(), page.as_os_str(), pictures.as_os_str()])
        .env("WENGERT_BROWSER", browser)
        .env("WENGERT_PLAYWRIGHT", playwright)
        .output()
        .expect("node runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{out}");
    assert!(output.status.success(), "{part}: {out}{err}");
}

#[test]
fn ten_nodes_step_select_fold_and_are_found_in_the_browser() {
    in_the_browser("neuron", neuron);
}

#[test]
fn five_thousand_nodes_open_fluently_in_the_browser() {
    in_the_browser("recurrence", recurrence);
}

#[test]
fn the_network_of_the_tutorial_is_seen_in_the_browser() {
    in_the_browser("digits", digits);
}

#[test]
fn the_picture_of_a_tape_has_its_text_in_its_boxes_and_no_box_over_another() {
    in_the_browser("picture", picture);
}

#[test]
fn names_that_are_markup_stay_text_in_the_browser() {
    in_the_browser("hostile", hostile);
}

fn text(write: fn(&Path)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/page.html");
    write(&path);
    fs::read_to_string(path).unwrap()
}

fn data_of(page: &str) -> serde_json::Value {
    let (_, rest) = page.split_once("<script type=\"application/json\" id=\"data\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn the_page_holds_values_gradients_slopes_and_what_is_handed_on() {
    let page = text(neuron);
    let data = data_of(&page);
    let node = &data["nodes"][3];
    assert_eq!((&node["op"], &node["args"]), (&"mul".into(), &"%0 %1".into()));
    assert_eq!(node["v"], serde_json::json!({ "s": [], "e": [-0.75] }));
    let slopes: Vec<f64> = (0..2).map(|k| node["d"][k]["e"][0].as_f64().unwrap()).collect();
    assert_eq!(slopes, [-1.5, 0.5]);
    let (z, gradient) = ((-0.5f64).tanh(), |x: f64| (x * 1e6).round() / 1e6);
    let dz = (z - 1.0) * (1.0 - z * z);
    assert_eq!(gradient(node["a"]["e"][0].as_f64().unwrap()), gradient((dz * 1e5).round() / 1e5), "z̄ of the product");
    assert!((node["h"][0]["e"][0].as_f64().unwrap() + 1.5 * dz).abs() < 1e-5);
    assert_eq!(data["root"], 8);
    assert_eq!(data["items"][3]["name"], "neuron");
    assert!(page.contains("<title>The tape of main.rs</title>") && !page.contains("<!--"), "every mark is replaced");
    // Outside of the data, which show this very file.
    let (before, rest) = page.split_once("id=\"data\">").unwrap();
    let own = [before, rest.split_once("</script>").unwrap().1].concat();
    for far in ["http://", "https://", "@import", "url(", " src=", "fetch("] {
        let found: Vec<&str> = own.match_indices(far).map(|(at, _)| own[at..].split('"').next().unwrap()).collect();
        assert!(found.iter().all(|url| *url == "http://www.w3.org/2000/svg"), "the page needs no network: {found:?}");
    }
}

#[test]
fn the_pages_are_small() {
    let sizes = [(neuron as fn(&Path), 150_000), (digits, 500_000), (recurrence, 4_000_000)];
    for (write, most) in sizes {
        let size = text(write).len();
        println!("{size} bytes");
        assert!(size < most, "{size} bytes, at most {most}");
    }
}

#[test]
fn names_and_numbers_are_data_not_markup() {
    let page = text(hostile);
    assert_eq!(page.matches("</script>").count(), 2, "only the page's own scripts end");
    let data = data_of(&page);
    assert_eq!(data["nodes"][0]["name"], "</script><script>document.body.dataset.broken = 1</script>");
    assert_eq!(data["nodes"][1]["v"]["e"], serde_json::json!(["−∞", "NaN"]));
    assert_eq!(data["nodes"][0]["a"]["e"], serde_json::json!(["∞", -1]));
}

#[test]
fn looking_leaves_the_recording_as_it_was() {
    let tape = Tape::new();
    tape.set_lazy_from(1);
    let x = tape.leaf([1.0, 2.0]);
    let loss = (x.exp() * 2.0).sum();
    let gradients = loss.backward().unwrap();
    let pending = || tape.nodes().map(|node| node.value.is_none()).collect::<Vec<_>>();
    let before = (pending(), tape.len());
    let folder = tempfile::tempdir().unwrap();
    inspect::html(&tape, &gradients, folder.path().join("page.html")).unwrap();
    assert_eq!((pending(), tape.len()), before);
    assert!(before.0.contains(&true));
}

#[test]
fn gradients_of_another_recording_are_refused_and_nothing_is_written() {
    let (tape, other) = (Tape::f64(), Tape::f64());
    let gradients = (other.leaf(1.0) * 2.0).backward().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.html");
    let error = inspect::html(&tape, &gradients, &path).unwrap_err();
    let want =
        "no gradient for node %1 and those before it: the handle belongs to another recording than these gradients";
    assert_eq!(error.to_string(), want);
    assert!(!path.exists());
}
