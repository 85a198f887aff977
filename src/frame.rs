//! Framing: where one message ends and the next begins, in a stream of bytes.
//!
//! A frame is four bytes that say how many follow (an unsigned number, the
//! most significant byte first: "network order"), and then that many bytes.

use std::fmt;
use std::io::{self, Read};

/// Bytes in the length prefix of a frame.
pub const PREFIX: usize = 4;

/// Why there is no frame.
#[derive(Debug)]
pub enum FrameError {
    /// The length is over the limit; both in bytes, without the prefix.
    TooLong {
        /// The length that the prefix announces, or the message has.
        length: u64,
        /// The most that this program takes.
        limit: usize,
    },
    /// The stream ended inside a frame, prefix included.
    CutOff {
        /// Bytes that the prefix, or the message after it, should have had.
        wanted: usize,
        /// Bytes of it that arrived.
        got: usize,
    },
    /// The call that receives failed.
    Io(io::Error),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { length, limit } => {
                write!(f, "a frame of {length} bytes, the limit is {limit}")
            }
            Self::CutOff { wanted, got } => {
                write!(f, "cut off: {got} bytes of {wanted}")
            }
            Self::Io(error) => write!(f, "{}", crate::in_words(error)),
        }
    }
}

impl std::error::Error for FrameError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

/// Makes a frame: the length prefix, then `message`.
///
/// # Errors
///
/// [`FrameError::TooLong`] if `message` has more than `limit` bytes, or more
/// than the prefix can say (4,294,967,295).
pub fn frame(message: &[u8], limit: usize) -> Result<Vec<u8>, FrameError> {
    match u32::try_from(message.len()) {
        Ok(length) if message.len() <= limit => {
            let mut frame = Vec::with_capacity(PREFIX + message.len());
            frame.extend(length.to_be_bytes());
            frame.extend(message);
            Ok(frame)
        }
        _ => {
            Err(FrameError::TooLong { length: message.len() as u64, limit })
        }
    }
}

/// Reads one frame in full, however its bytes arrive, and gives the message.
///
/// `None` is the clean end of the stream: it ended where a frame would have
/// begun. Nothing is allocated for a frame of more than `limit` bytes, and no
/// byte after the frame is read.
///
/// # Errors
///
/// [`FrameError::TooLong`], [`FrameError::CutOff`], or what `reader` failed
/// with; a read that a signal interrupted is repeated. After an error the
/// place in the stream is lost: close the connection.
pub fn read_frame(
    mut reader: impl Read,
    limit: usize,
) -> Result<Option<Vec<u8>>, FrameError> {
    let mut prefix = [0; PREFIX];
    match fill(&mut reader, &mut prefix)? {
        0 => return Ok(None),
        PREFIX => {}
        got => return Err(FrameError::CutOff { wanted: PREFIX, got }),
    }
    let announced = u32::from_be_bytes(prefix);
    let length = match usize::try_from(announced) {
        Ok(length) if length <= limit => length,
        _ => {
            let length = u64::from(announced);
            return Err(FrameError::TooLong { length, limit });
        }
    };
    let mut message = vec![0; length];
    match fill(&mut reader, &mut message)? {
        got if got == length => Ok(Some(message)),
        got => Err(FrameError::CutOff { wanted: length, got }),
    }
}

/// Reads until `buffer` is full or the stream ends; how many bytes it got.
fn fill(
    reader: &mut impl Read,
    buffer: &mut [u8],
) -> Result<usize, FrameError> {
    let mut got = 0;
    while got < buffer.len() {
        match reader.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(length) => got += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(FrameError::Io(error)),
        }
    }
    Ok(got)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream that gives at most `size` bytes to a read, and now and then
    /// is interrupted by a signal.
    struct InPieces<'a> {
        rest: &'a [u8],
        size: usize,
        reads: usize,
    }

    impl Read for InPieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.reads += 1;
            if self.reads % 5 == 0 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let length = self.size.min(self.rest.len()).min(buffer.len());
            let (now, rest) = self.rest.split_at(length);
            buffer[..length].copy_from_slice(now);
            self.rest = rest;
            Ok(length)
        }
    }

    fn framed(message: &[u8]) -> Vec<u8> {
        frame(message, 10_000).expect("within the limit")
    }

    #[test]
    fn every_receive_size_from_1_to_4096_gives_the_same_messages() {
        let long: Vec<u8> = (0..=255).cycle().take(5000).collect();
        let messages: [&[u8]; 5] =
            [b"one", b"", "你好".as_bytes(), &long, b"x"];
        let stream: Vec<u8> =
            messages.iter().flat_map(|message| framed(message)).collect();
        for size in 1..=4096 {
            let mut pieces = InPieces { rest: &stream, size, reads: 0 };
            for message in messages {
                let got = read_frame(&mut pieces, 5000).expect("a frame");
                assert_eq!(got.as_deref(), Some(message), "size {size}");
            }
            let end = read_frame(&mut pieces, 5000).expect("no error");
            assert_eq!(end, None, "size {size}");
        }
    }

    #[test]
    fn the_prefix_is_four_bytes_the_highest_first() {
        assert_eq!(framed(b"hi"), b"\0\0\0\x02hi");
        assert_eq!(framed(&[7; 258])[..5], [0, 0, 1, 2, 7]);
    }

    /// The reader gives nothing after the prefix and fails if asked: the
    /// refusal comes before a byte of the message is read or given room.
    #[test]
    fn a_frame_over_the_limit_is_refused_at_its_prefix() {
        struct PrefixOnly(bool);
        impl Read for PrefixOnly {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                assert!(!self.0, "asked for the message");
                self.0 = true;
                buffer.copy_from_slice(&[0xff; 4]);
                Ok(4)
            }
        }
        let error =
            read_frame(PrefixOnly(false), 1024).expect_err("refused");
        let text = "a frame of 4294967295 bytes, the limit is 1024";
        assert_eq!(error.to_string(), text);

        let at_the_limit = framed(&[1; 1024]);
        assert!(read_frame(&at_the_limit[..], 1024).is_ok());
        assert!(read_frame(&at_the_limit[..], 1023).is_err());
        assert!(frame(&[1; 1025], 1024).is_err());
    }

    #[test]
    fn a_cut_off_frame_is_not_a_clean_end() {
        let whole = framed(b"hello");
        for length in 0..whole.len() {
            let told = match read_frame(&whole[..length], 1024) {
                Ok(None) => "the end".to_owned(),
                Ok(Some(_)) => "a message".to_owned(),
                Err(error) => error.to_string(),
            };
            let expected = match length {
                0 => "the end".to_owned(),
                1..4 => format!("cut off: {length} bytes of 4"),
                _ => format!("cut off: {} bytes of 5", length - 4),
            };
            assert_eq!(told, expected);
        }
    }

    #[test]
    fn a_failed_read_is_passed_on() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::ConnectionReset.into())
            }
        }
        let error = read_frame(Broken, 1024).expect_err("broken");
        assert_eq!(error.to_string(), "connection reset by the peer");
    }
}
