//! Framing, for any messages and any way in which their bytes may arrive.

use std::io::{self, Read};

use proptest::collection::vec;
use proptest::prelude::*;
use socket_steps::{FrameError, PREFIX, frame, read_frame};

const LIMIT: usize = 300;

/// A stream that arrives in pieces of these sizes, over and over.
struct InPieces<'a> {
    rest: &'a [u8],
    sizes: std::iter::Cycle<std::slice::Iter<'a, usize>>,
}

impl Read for InPieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = *self.sizes.next().expect("a cycle has no end");
        let length = size.min(self.rest.len()).min(buffer.len());
        let (now, rest) = self.rest.split_at(length);
        buffer[..length].copy_from_slice(now);
        self.rest = rest;
        Ok(length)
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        // No file to remember a failed case in: the case is printed.
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_messages_in_any_pieces_come_out_the_same(
        messages in vec(vec(any::<u8>(), 0..=LIMIT), 0..6),
        sizes in vec(1usize..50, 1..8),
    ) {
        let mut stream = Vec::new();
        for message in &messages {
            stream.extend(frame(message, LIMIT).expect("short enough"));
        }
        let sizes = sizes.iter().cycle();
        let mut pieces = InPieces { rest: &stream, sizes };
        for message in &messages {
            let got = read_frame(&mut pieces, LIMIT).expect("a frame");
            prop_assert_eq!(got.as_ref(), Some(message));
        }
        prop_assert!(matches!(read_frame(&mut pieces, LIMIT), Ok(None)));
    }

    #[test]
    fn a_stream_cut_anywhere_is_cut_off_or_at_its_end(
        messages in vec(vec(any::<u8>(), 0..=LIMIT), 1..4),
        at in any::<prop::sample::Index>(),
    ) {
        let mut ends = vec![0];
        let mut stream = Vec::new();
        for message in &messages {
            stream.extend(frame(message, LIMIT).expect("short enough"));
            ends.push(stream.len());
        }
        let at = at.index(stream.len() + 1);
        let mut rest = &stream[..at];
        let whole = ends.iter().filter(|end| **end <= at).count() - 1;
        for message in &messages[..whole] {
            let got = read_frame(&mut rest, LIMIT).expect("a frame");
            prop_assert_eq!(got.as_ref(), Some(message));
        }
        match read_frame(&mut rest, LIMIT) {
            Ok(None) => prop_assert_eq!(at, ends[whole]),
            Err(FrameError::CutOff { wanted, got }) => {
                prop_assert!(got < wanted);
                let there = at - ends[whole];
                let prefix = if there < PREFIX { 0 } else { PREFIX };
                prop_assert_eq!(prefix + got, there);
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn any_bytes_at_all_never_give_more_than_the_limit(
        bytes in vec(any::<u8>(), 0..40),
        limit in 0usize..20,
    ) {
        let mut rest = &bytes[..];
        while let Ok(Some(message)) = read_frame(&mut rest, limit) {
            prop_assert!(message.len() <= limit);
        }
        if let Err(FrameError::TooLong { length, .. }) =
            read_frame(&bytes[..], limit)
        {
            prop_assert!(length > limit as u64);
        }
    }
}
