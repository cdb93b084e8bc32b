//! The page of a report: what it shows, in which order, and that it is self-contained.

use std::collections::HashSet;

use wengert::{
    Backward, DType, Function, Shape, Tensor, Var,
    check::{self, Report},
    nn::{Conv2d, Linear},
};

fn numbers(shape: impl Into<Shape>) -> Tensor {
    Tensor::from_fn(shape, DType::F64, |i| ((i as f64 + 0.3) * 1.7).sin() * 1.5)
}

/// z = x², with the factor 2 forgotten.
struct Square;

impl Function for Square {
    fn name(&self) -> &str {
        "a<b> & \"c\""
    }
    fn forward<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        vec![x[0] * x[0]]
    }
    fn backward<'t>(&self, Backward { x, dz, .. }: Backward<'_, 't>) -> Vec<Option<Var<'t>>> {
        vec![Some(dz[0] * x[0])]
    }
}

/// The page, after checking that its tags are balanced and that it loads nothing from outside.
fn page(report: &Report) -> String {
    let page = report.html().unwrap();
    let mut open: Vec<&str> = Vec::new();
    for piece in page.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').expect("a tag is closed");
        assert!(!text.contains('>') || text.contains("{"), "a stray `>` in {text:?}");
        let name = tag.split_whitespace().next().unwrap().trim_end_matches('/');
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "in {tag}"),
            None if tag.ends_with('/') || ["meta", "!DOCTYPE"].contains(&name) => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?} stay open");
    for outside in ["<script", " src=", "url(", "@import", "<link", "<a "] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.split("href=").skip(1).all(|rest| rest.starts_with("\"data:")));
    page
}

/// The maps of a page by their names, each with what is between its tags.
fn maps(page: &str) -> Vec<(&str, &str)> {
    let named =
        |piece: &'_ str| -> Option<(usize, usize)> { Some((piece.find("aria-label=\"")? + 12, piece.find("</svg>")?)) };
    page.split("<svg class=\"map\"")
        .skip(1)
        .map(|piece| {
            let (start, end) = named(piece).expect("a map has a name and an end");
            (&piece[start..start + piece[start..].find('"').unwrap()], &piece[..end])
        })
        .collect()
}

#[test]
fn a_wrong_rule_is_shown_from_its_verdict_to_its_numbers() {
    let report = check::function(Square, &[numbers([3, 4])]).run().unwrap();
    assert!(!report.passed());
    let page = page(&report);
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("no {text:?} in the page"));
    assert!(at("The check failed") < at("<h2>Verdicts</h2>"));
    assert!(at("<h2>Verdicts</h2>") < at("<h2>Tests</h2>") && at("<h2>Tests</h2>") < at("<h2>Gradients</h2>"));
    let [passed, failed, not_applicable] = report.counts();
    let sentence =
        [format!("{passed} passed"), format!("{failed} failed"), format!("{not_applicable} had nothing to test")];
    assert!(sentence.iter().all(|s| page.contains(s)));
    // The user's name for the function, which could break a page.
    assert!(page.contains("a&lt;b&gt; &amp; &quot;c&quot;") && !page.contains("a<b>"));
    // The line of this file, between its neighbors.
    assert!(page.contains("vec![Some(dz[0] * x[0])]\n</span>"), "{page}");
    let lines: HashSet<String> = report.verdicts.iter().flat_map(|v| &v.line).map(ToString::to_string).collect();
    assert_eq!(page.matches("<span class=\"marked\">").count(), lines.len(), "the same lines are shown once");
    for test in &report.tests {
        assert!(page.contains(&format!("<th>{}</th>", test.name)), "{}", test.name);
    }
    let maps = maps(&page);
    let names: Vec<&str> = maps.iter().map(|m| m.0.split(',').next().unwrap()).collect();
    assert_eq!(names, ["manual", "tape", "numeric", "manual − tape", "tape − numeric"]);
    assert!(page.contains("<b>error against step</b>"));
    // Every number of the tape's gradient is given with its cell.
    let tape = report.gradients[0].tape.as_ref().unwrap();
    for (i, v) in tape.to_vec().into_iter().enumerate() {
        let text = format!("<title>[{}, {}] {v:.9}</title>", i / 4, i % 4).replace("] -", "] −");
        assert!(maps[1].1.contains(&text), "{text}");
        let class = if v < 0.0 { "class=\"n\"" } else { "class=\"p\"" };
        let cell = maps[1].1.lines().find(|line| line.contains(&text)).unwrap();
        assert!(cell.contains(class), "{cell}");
    }
    // The rule gives half the gradient: the difference is just as large, and rounding next to it is blank.
    let strongest = |map: &str| -> f64 {
        let part = |piece: &str| piece.split('"').next().unwrap().parse::<f64>().unwrap();
        map.split("fill-opacity=\"").skip(1).map(part).fold(0.0, f64::max)
    };
    let strengths: Vec<f64> = maps.iter().map(|m| strongest(m.1)).collect();
    assert_eq!(strengths, [0.5, 1.0, 1.0, 1.0, 0.0]);
}

#[test]
fn what_passes_is_calm() {
    let report = check::check_layer(&Conv2d::new(2, 3, 3, 0), &[[2, 5, 6]]).unwrap();
    let page = page(&report);
    assert!(page.contains("<title>✓ ") && page.contains("The check passed") && page.contains(">0 failed"));
    assert!(!page.contains("<h2>Verdicts</h2>") && !page.contains("<tr class=\"fail\""));
    assert!(page.contains("One map for each place along axes 0 and 1; above it stands its indices."));
    // [3, 2, 5, 6]: a map for each observation and channel, and no color in those of the differences.
    let maps = maps(&page);
    let tape = maps.iter().find(|m| m.0 == "tape, gradient by input 0").unwrap().1;
    assert_eq!(tape.matches("class=\"frame\"").count(), 6);
    assert_eq!(tape.matches("<title>").count(), 180);
    assert!(["0,0", "1,0", "2,1"].iter().all(|index| tape.contains(&format!(">{index}</text>"))));
    for (name, map) in maps.iter().filter(|m| m.0.contains('−')) {
        assert!(!map.contains("fill-opacity=\"1"), "{name}");
    }
    let page = self::page(&check::check_layer(&Linear::new(4, 3, 0), &[[4]]).unwrap());
    assert!(page.contains("parameter <code>weight</code>") && page.contains("axis 1, of 4"));
}

#[test]
fn what_is_too_large_is_thinned_and_says_so() {
    let run = |shape: Shape| check::closure(|x| x[0].tanh(), &[numbers(shape)]).projected().run().unwrap();
    let wide = page(&run([200, 300].into()));
    assert!(
        wide.contains("Thinned: a cell stands for 3 rows by 7 columns, and shows the number of the largest magnitude")
    );
    assert!(wide.contains("<title>largest from [0, 0] to [2, 6]: ["), "{}", maps(&wide)[0].1);
    assert!(wide.contains("along random directions alone"));
    assert!(wide.len() < 2_000_000, "{}", wide.len());
    let many = page(&run([80, 2, 3].into()));
    assert!(many.contains("… 16 of 80 maps are left out; these are the first."));
    assert_eq!(maps(&many)[0].1.matches("class=\"frame\"").count(), 64);
    let one = page(&run(Shape::scalar()));
    assert_eq!(maps(&one)[0].1.matches("<title>").count(), 1);
}

#[test]
fn kinks_are_marked_and_not_compared() {
    let at = [Tensor::from([0.0, 1.0, -1.0, 0.0])];
    let page = page(&check::gradcheck(|x| x[0].relu(), &at).unwrap());
    assert!(page.contains("<h2>Remarks</h2>") && page.contains("2 of 4 elements are at a kink, a jump or the border"));
    let maps = maps(&page);
    assert_eq!(maps.iter().map(|m| m.1.matches("class=\"k\"").count()).collect::<Vec<_>>(), [2, 2, 2]);
    assert!(maps[0].1.contains("; kink at [0]: slope "));
    assert_eq!(maps[2].1.matches("class=\"x\"").count(), 2);
}

#[test]
fn a_page_is_written_whole_or_not_at_all() {
    let report = check::gradcheck(|x| x[0].sin(), &[numbers([3])]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/report.html");
    report.save_html(&path).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), report.html().unwrap());
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    let message = report.save_html(path.join("below")).unwrap_err().to_string();
    assert!(message.starts_with(&format!("cannot create the folder {}: ", path.display())), "{message}");
}
