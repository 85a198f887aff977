use crate::exercise::Exercise;

pub const EXERCISE: Exercise = Exercise {
    name: "07_chat_client",
    about: "a client for the chat",
    chapter: "Step 7: the chat",
    checks: &[],
    hints: &[],
};
