//! The page `guide::equivalents`: each entry of the last column occurs, word for word, in the program under its table.
//! The programs themselves run as doctests, and the links are checked when the documentation is built.

/// White space is ignored, so that a program may break its lines.
fn tight(code: &str) -> String {
    code.split_whitespace().collect()
}

#[test]
fn every_entry_of_a_table_is_used_by_the_program_under_it() {
    let page = include_str!("../src/guide/equivalents.md");
    let mut entries = 0;
    for section in page.split("\n## ").skip(1) {
        let title = section.lines().next().unwrap_or_default();
        let mut parts = section.split("```");
        let (table, program) = (parts.next().unwrap_or_default(), tight(parts.next().expect(title)));
        for row in table.lines().filter(|line| line.starts_with('|')).skip(2) {
            // A bar within an entry is written `\|`.
            let row = row.trim_end_matches('|').replace("\\|", "\u{0}");
            let cells: Vec<&str> = row.split('|').skip(1).collect();
            assert_eq!(cells.len(), 4, "{title}: {row}");
            let here: Vec<String> = cells[3].split('`').skip(1).step_by(2).map(|c| c.replace('\u{0}', "|")).collect();
            assert!(!here.is_empty(), "{title}: a row has no entry: {row}");
            for code in here {
                assert!(program.contains(&tight(&code)), "{title}: the program does not use `{code}`");
                assert!(cells[3].contains("](crate::"), "{title}: `{code}` has no link");
                entries += 1;
            }
        }
    }
    assert!(entries > 150, "{entries} entries were found");
}
