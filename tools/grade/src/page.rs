//! `--report FILE`: how a class is doing, as one page of HTML that needs nothing else.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::exercise::Exercise;
use crate::exercises::EXERCISES;
use crate::lang::{Lang, spoken};
use crate::record::Record;
use crate::words::{Words, text};

const STYLE: &str = include_str!("page.css");

/// One student, and what was found: in the order in which it was read.
pub struct Student {
    pub name: String,
    pub records: Vec<Record>,
}

impl Student {
    /// The last word on an exercise.
    fn record(&self, exercise: &Exercise) -> Option<&Record> {
        self.records.iter().rfind(|record| record.exercise == exercise.name)
    }

    fn number_done(&self) -> usize {
        EXERCISES.iter().filter(|one| self.record(one).is_some_and(|it| it.done)).count()
    }
}

/// Reads what `--all --json` wrote for each student: the file has the student's name, or, where all
/// files have one name, its folder has.
pub fn read(paths: &[PathBuf]) -> Result<Vec<Student>, Words> {
    let stems: HashSet<_> = paths.iter().map(|path| path.file_stem()).collect();
    let by_file = stems.len() == paths.len() && paths.len() > 1;
    let read = |path: &PathBuf| {
        let in_words =
            |words: Words| text!("{path}: {words}", path = path.display().to_string(), words);
        let text =
            fs::read_to_string(path).map_err(|error| in_words(Words::data(error.to_string())))?;
        let records = Record::read_all(&text).map_err(in_words)?;
        let folder = path.parent().and_then(Path::file_name);
        let name = folder.filter(|_| !by_file).or(path.file_stem()).unwrap_or_default();
        Ok(Student { name: name.to_string_lossy().into_owned(), records })
    };
    paths.iter().map(read).collect()
}

/// The page, with a table of all students and exercises, the checks at which most of them fail, and
/// what was wrong.
pub fn page(students: &[Student]) -> String {
    let page = html! {
        (DOCTYPE)
        html lang=(match spoken() {
            Lang::English => "en",
            Lang::Chinese => "zh-CN",
        }) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (text!("Your turn: {number} students", number = students.len())) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (text!("Your turn")) }
                (overview(students))
                (stumbles(students))
                @for student in students { (details(student)) }
            }
        }
    };
    page.into_string()
}

fn overview(students: &[Student]) -> Markup {
    let done_by = |one: &Exercise| {
        students.iter().filter(|it| it.record(one).is_some_and(|it| it.done)).count()
    };
    html! {
        div.wide {
            table {
                caption {
                    (text!("How many checks pass, of how many. Empty: nothing is known of it."))
                }
                thead {
                    tr {
                        th scope="col" { (text!("student")) }
                        th scope="col" { (text!("done")) }
                        @for one in EXERCISES {
                            th scope="col" title=(format!("{}: {}", one.name, text!(one.title))) {
                                (short(one.name))
                            }
                        }
                    }
                }
                tbody {
                    @for student in students {
                        tr {
                            th scope="row" { (student.name) }
                            td { (student.number_done()) }
                            @for one in EXERCISES { (cell(student, one)) }
                        }
                    }
                }
                tfoot {
                    tr {
                        th scope="row" { (text!("done")) }
                        td {}
                        @for one in EXERCISES { td { (done_by(one)) } }
                    }
                }
            }
        }
    }
}

fn cell(student: &Student, exercise: &Exercise) -> Markup {
    let Some(record) = student.record(exercise) else {
        return html! { td.none { "" } };
    };
    let counted = format!("{}/{}", record.passed, record.checks);
    match record {
        Record { done: true, .. } => html! { td.done { "✓ " (counted) } },
        Record { failed: Some(title), .. } => html! {
            td title=(text!(title)) { a href=(format!("#{}", anchor(student, exercise))) { (counted) } }
        },
        Record { compiles: false, .. } => html! { td.none { (text!("does not compile")) } },
        Record { too_busy: true, .. } => html! { td.none { (text!("too busy")) } },
        _ => html! { td.none { (text!("{counted}, not all run", counted)) } },
    }
}

/// The checks at which somebody failed, by how many.
fn stumbles(students: &[Student]) -> Markup {
    let mut failed = BTreeMap::new();
    for student in students {
        for (number, one) in EXERCISES.iter().enumerate() {
            let title = student.record(one).and_then(|record| record.failed.as_deref());
            if let Some(title) = title {
                let names: &mut Vec<&str> = failed.entry((number, title)).or_default();
                names.push(&student.name);
            }
        }
    }
    let mut failed: Vec<_> = failed.into_iter().collect();
    failed.sort_by_key(|(_, names)| std::cmp::Reverse(names.len()));
    html! {
        @if !failed.is_empty() {
            h2 { (text!("Where they fail")) }
            div.wide { table {
                thead { tr {
                    @for head in ["how many", "exercise", "check", "who"] { th { (text!(head)) } }
                } }
                tbody {
                    @for ((number, title), names) in failed {
                        tr {
                            td { (names.len()) }
                            td.text { (EXERCISES[number].name) }
                            td.text { (text!(title)) }
                            td.text { (names.join(", ")) }
                        }
                    }
                }
            } }
        }
    }
}

fn details(student: &Student) -> Markup {
    let failed = || EXERCISES.iter().filter_map(|one| Some((one, student.record(one)?)));
    let failed: Vec<_> = failed().filter(|(_, record)| record.failed.is_some()).collect();
    html! {
        @if !failed.is_empty() {
            h2 { (student.name) }
            @for (exercise, record) in failed {
                section id=(anchor(student, exercise)) {
                    h3 {
                        (exercise.name) ": " (text!(record.failed.as_deref().unwrap_or_default()))
                    }
                    @if let Some(failure) = &record.failure {
                        dl {
                            @if !failure.sent.is_empty() { dt { (text!(
                                "sent"
                            )) } dd { (failure.sent) } }
                            dt { (text!("expected")) } dd { (failure.expected) }
                            dt { (text!("got")) } dd { (failure.got) }
                        }
                        p { (failure.advice) }
                        @if !failure.program.is_empty() {
                            pre { (failure.program.join("\n")) }
                        }
                    }
                    p.small {
                        (text!(
                            "{passed} of {checks} checks passed before it. The same again:",
                            passed = record.passed,
                            checks = record.checks
                        ))
                        " "
                        code { "--seed " (record.seed) }
                    }
                }
            }
        }
    }
}

/// The number in front of the name, and a letter where there are two of it.
fn short(name: &str) -> String {
    let number = name.split('_').next().unwrap_or_default();
    if name.ends_with("_udp") { format!("{number} UDP") } else { number.to_owned() }
}

fn anchor(student: &Student, exercise: &Exercise) -> String {
    format!("{}-{}", student.name.replace(char::is_whitespace, "-"), exercise.name)
}

#[cfg(test)]
mod tests {
    use super::{Student, page};
    use crate::record::Record;

    #[test]
    fn what_programs_say_is_text() {
        let record = Record::sample("<script>alert(1)</script>");
        let student = Student { name: "A & B".to_owned(), records: vec![record] };
        let page = page(&[student]);
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{page}");
        assert!(!page.contains("<script") && page.contains("A &amp; B"), "{page}");
    }
}
