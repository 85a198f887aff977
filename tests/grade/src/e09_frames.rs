use crate::exercise::Exercise;

pub const EXERCISE: Exercise = Exercise {
    name: "09_frames",
    about: "whole messages, in capitals",
    chapter: "Step 9: glued messages",
    checks: &[],
    hints: &[],
};
