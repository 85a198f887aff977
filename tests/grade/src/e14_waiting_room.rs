use crate::exercise::Exercise;

pub const EXERCISE: Exercise = Exercise {
    name: "14_waiting_room",
    about: "guests who wait until the doors open",
    chapter: "Step 14: a full queue",
    checks: &[],
    hints: &[],
};
