//! The packets as a file for Wireshark and its like (pcapng), with what led to each as its comments.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::{DataLink, PcapError};

use crate::json::unmarked;
use crate::record::Event;
use crate::strace::Action;
use crate::tap::Packet;
use crate::text;

/// The times are in nanoseconds: their negative power of ten.
const NANOSECONDS: u8 = 9;

/// Writes the packets, in the order in which the tap saw them: each with the call that led to it, and
/// with the lines that were printed before the next one. (Those before the first one are the first
/// one's.)
pub struct Writer<'a> {
    file: PcapNgWriter<BufWriter<File>>,
    names: &'a [&'a str],
    last: Option<Packet>,
    comments: Vec<String>,
    /// So many more were left out.
    left_out: usize,
}

impl<'a> Writer<'a> {
    /// Starts it.
    pub fn begin(file: &Path, names: &'a [&'a str]) -> io::Result<Self> {
        let file = BufWriter::new(File::create(file)?);
        let section = SectionHeaderBlock {
            options: vec![SectionHeaderOption::UserApplication("cargo trace".into())],
            ..SectionHeaderBlock::default()
        };
        let mut file = PcapNgWriter::with_section_header(file, section).map_err(plain)?;
        let interface = InterfaceDescriptionBlock {
            linktype: DataLink::ETHERNET,
            snaplen: 0,
            options: vec![InterfaceDescriptionOption::IfTsResol(NANOSECONDS)],
        };
        file.write_pcapng_block(interface).map_err(plain)?;
        Ok(Self { file, names, last: None, comments: vec![], left_out: 0 })
    }

    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        let name = self.names.get(event.program).copied().unwrap_or_default();
        for packet in &event.packets {
            self.write_last()?;
            self.last = Some(packet.clone());
            self.comment(&reason(event, name));
        }
        if let Action::Text(line) = &event.action {
            let then = if self.last.is_some() { "then printed" } else { "had printed" };
            self.comment(&format!("{name} {then}: {line}"));
        }
        Ok(())
    }

    fn comment(&mut self, text: &str) {
        if self.comments.len() < MOST {
            self.comments.push(text.chars().take(LONGEST).collect());
        } else {
            self.left_out += 1;
        }
    }

    fn write_last(&mut self) -> io::Result<()> {
        let Some(packet) = self.last.take() else { return Ok(()) };
        let left_out = std::mem::take(&mut self.left_out);
        let more = (left_out > 0).then(|| format!("and {left_out} more lines"));
        let comments = std::mem::take(&mut self.comments).into_iter().chain(more);
        let options = comments.map(|comment| EnhancedPacketOption::Comment(comment.into()));
        let data = packet.frame();
        let block = EnhancedPacketBlock {
            interface_id: 0,
            timestamp: packet.time,
            original_len: u32::try_from(data.len()).unwrap_or(u32::MAX),
            data: data.into(),
            options: options.collect(),
        };
        self.file.write_pcapng_block(block).map(drop).map_err(plain)
    }

    /// What there is can be read; but for the last packet, of which more may be said.
    pub fn flush(&mut self) -> io::Result<()> {
        self.file.get_mut().flush()
    }

    /// Ends it.
    pub fn end(mut self) -> io::Result<()> {
        self.write_last()?;
        self.file.into_inner().flush()
    }
}

/// A comment may have 65,535 bytes: of a longer one, this many characters are in there.
const LONGEST: usize = 10_000;

/// A packet has so many comments at most: a program may print for hours between two packets, and a
/// reader refuses what is longer than 16 MB.
const MOST: usize = 200;

fn plain(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        other => io::Error::other(other),
    }
}

/// What led to the packets of an event.
fn reason(event: &Event, name: &str) -> String {
    let unsure = if event.is_unsure { ", or another call at the same time" } else { "" };
    match &event.action {
        Action::Call(call) if !text::only_asks(&call.name) => {
            format!("{name} [{}]: {}{unsure}", event.process, unmarked(&call.text).0)
        }
        Action::End(end) if end.of_process => format!("{name} [{}]: {}", event.process, end.how),
        _ => text::BY_ITSELF.to_owned(),
    }
}
