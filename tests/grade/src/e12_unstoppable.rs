use crate::exercise::Exercise;

pub const EXERCISE: Exercise = Exercise {
    name: "12_unstoppable",
    about: "a server that no client can end",
    chapter: "Step 12: the peer is gone",
    checks: &[],
    hints: &[],
};
