//! The README's pictures are those of the recorded run.

use std::fs;
use std::path::Path;
use std::process::Command;

const AGAIN: &str =
    "cargo run -p socket-steps-timeline --bin draw -- --readme tools/timeline/pictures";

#[test]
fn the_pictures_of_the_readme_are_as_the_timeline_says() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    fs::create_dir_all(&folder).expect("a folder");
    let mut draw = Command::new(env!("CARGO_BIN_EXE_draw"));
    let status = draw.arg("--readme").arg(&folder).status().expect("it starts");
    assert!(status.success());
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(package.join("../../README.md")).expect("it");
    for file in ["player.svg", "timeline.svg"] {
        let read = |folder: &Path| {
            let text = fs::read_to_string(folder.join(file)).expect(file);
            text.replace("\r\n", "\n")
        };
        let is_new = read(&folder) != read(&package.join("pictures"));
        assert!(!is_new, "{file} is not as the run is now: {AGAIN}");
        assert!(readme.contains(&format!("(tools/timeline/pictures/{file})")), "{file}");
    }
}
