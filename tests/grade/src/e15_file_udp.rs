use crate::exercise::Exercise;

pub const EXERCISE: Exercise = Exercise {
    name: "15_file_udp",
    about: "a file over a network that loses datagrams",
    chapter: "Step 15: lost and cut datagrams",
    checks: &[],
    hints: &[],
};
