use crate::exercise::Exercise;

pub const EXERCISE: Exercise = Exercise {
    name: "04_own_address_udp",
    about: "tell each sender its own address",
    chapter: "Step 4: accept and connect",
    checks: &[],
    hints: &[],
};
