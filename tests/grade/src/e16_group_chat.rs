use crate::exercise::Exercise;

pub const EXERCISE: Exercise = Exercise {
    name: "16_group_chat",
    about: "a group chat",
    chapter: "Step 16: one at a time, then several",
    checks: &[],
    hints: &[],
};
