//! TensorBoard event files.
//!
//! A file is a row of TFRecords (length, its checksum, the bytes, their checksum), each an `Event`
//! message of tensorboard/compat/proto/event.proto. The field numbers below are from there and
//! from summary.proto and tensor.proto. The step of every event is the number of images shown.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{Error, Result};
use crate::log::LogLine;
use crate::picture::Picture;
use crate::protobuf::Message;

/// One event file, open for appending.
#[derive(Debug)]
pub struct EventFile {
    path: PathBuf,
    file: File,
    /// Bytes up to the end of the last whole record.
    whole: u64,
    /// A write failed half way: what lies behind `whole` must go before the next one.
    torn: bool,
    started: bool,
}

impl EventFile {
    /// Starts a new event file in a run folder; its name tells when, where and by which process.
    pub fn create(run_folder: impl AsRef<Path>) -> Result<Self> {
        let folder = run_folder.as_ref();
        let stamp = format!("{:010}.{}.{}", unix_time() as u64, host_name(), std::process::id());
        let mut number = 0;
        loop {
            let path = folder.join(format!("events.out.tfevents.{stamp}.{number}"));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Self::begin(path, file),
                // The same process opened this run twice within a second.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(source) => return Err(Error::file("create", &path, source)),
            }
        }
    }

    fn begin(path: PathBuf, file: File) -> Result<Self> {
        let mut events = Self { path, file, whole: 0, torn: false, started: false };
        // The version is what makes readers understand `started` below.
        events.append(&record(&Message::default().double(1, unix_time()).text(3, "brain.Event:2").0))?;
        Ok(events)
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a report: one scalar a value, and the speed.
    pub fn scalars(&mut self, line: &LogLine) -> Result<()> {
        self.start(line.images)?;
        let values = line.values.iter().map(|(name, moments)| (name.as_str(), moments.mean));
        let speed = ("speed/images_per_second", line.images_per_second);
        let summary = values.chain([speed]).fold(Message::default(), |summary, (name, value)| {
            summary.message(1, &Message::default().text(1, name).float(2, value as f32))
        });
        self.summary(line.images, &summary)
    }

    /// Appends a picture that has been encoded as PNG.
    pub fn image(&mut self, images: u64, tag: &str, picture: &Picture, png: &[u8]) -> Result<()> {
        self.start(images)?;
        let image = Message::default()
            .int(1, picture.height.into())
            .int(2, picture.width.into())
            .int(3, picture.channels.into())
            .bytes(4, png);
        let value = Message::default().text(1, tag).message(4, &image);
        self.summary(images, &Message::default().message(1, &value))
    }

    /// Appends a text, shown as Markdown. It may come before it is known where a run goes on, so it
    /// marks no start.
    pub fn text(&mut self, images: u64, tag: &str, text: &str) -> Result<()> {
        const DT_STRING: u64 = 7;
        const DATA_CLASS_TENSOR: u64 = 2;
        let shape = Message::default().message(2, &Message::default().int(1, 1));
        let tensor = Message::default().int(1, DT_STRING).message(2, &shape).text(8, text);
        let plugin = Message::default().text(1, "text");
        let metadata = Message::default().message(1, &plugin).int(4, DATA_CLASS_TENSOR);
        let value = Message::default().text(1, tag).message(9, &metadata).message(8, &tensor);
        self.summary(images, &Message::default().message(1, &value))
    }

    /// Marks the start, once: a resumed run begins before the end of the one that was killed, and
    /// this tells TensorBoard to forget what lies after this point in the older files.
    fn start(&mut self, images: u64) -> Result<()> {
        const START: u64 = 1;
        if !self.started {
            let log = Message::default().int(1, START);
            self.append(&record(
                &Message::default().double(1, unix_time()).int(2, images).message(7, &log).0,
            ))?;
            self.started = true;
        }
        Ok(())
    }

    fn summary(&mut self, images: u64, summary: &Message) -> Result<()> {
        let event = Message::default().double(1, unix_time()).int(2, images).message(5, summary);
        self.append(&record(&event.0))
    }

    /// One write for whole records, so that a reader beside us sees whole ones; what a full disk
    /// cut short is cut off again, because a reader stops at the first bad checksum.
    fn append(&mut self, records: &[u8]) -> Result<()> {
        if let Err(source) = self.cut().and_then(|()| self.file.write_all(records)) {
            self.torn = true;
            // If it fails, it is tried again before the next write.
            let _ = self.cut();
            return Err(Error::file("write", &self.path, source));
        }
        self.whole += records.len() as u64;
        Ok(())
    }

    fn cut(&mut self) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.whole)?;
            self.file.seek(SeekFrom::Start(self.whole))?;
            self.torn = false;
        }
        Ok(())
    }
}

/// Frames one TFRecord.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut bytes = Vec::with_capacity(data.len() + 16);
    bytes.extend_from_slice(&length);
    bytes.extend_from_slice(&masked_crc(&length).to_le_bytes());
    bytes.extend_from_slice(data);
    bytes.extend_from_slice(&masked_crc(data).to_le_bytes());
    bytes
}

/// CRC-32C, rotated and shifted so that a checksum of data that holds checksums stays a good one.
fn masked_crc(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

fn unix_time() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::env::var("HOSTNAME"))
        .or_else(|_| std::env::var("COMPUTERNAME"))
        .unwrap_or_default();
    let name: String =
        name.trim().chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    if name.is_empty() { "localhost".into() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_castagnoli_and_masked() {
        // RFC 3720, appendix B.4: the CRC-32C of 32 zero bytes.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
        // python: tensorboard.compat.tensorflow_stub.pywrap_tensorflow.masked_crc32c(b"123456789")
        assert_eq!(masked_crc(b"123456789"), 0xc78a_b0e5);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_with_the_path() {
        let path = PathBuf::from("/dev/full");
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        let error = EventFile::begin(path, file).unwrap_err().to_string();
        assert!(error.starts_with("cannot write /dev/full: No space left on device"), "{error}");
    }

    #[test]
    fn a_torn_record_is_cut_off_before_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let mut events = EventFile::create(folder.path()).unwrap();
        let whole = events.whole;
        // What a write that failed half way leaves behind.
        events.file.write_all(b"half a rec").unwrap();
        events.torn = true;
        events.text(5, "note", "after").unwrap();
        let bytes = std::fs::read(events.path()).unwrap();
        let mut rest = &bytes[whole as usize..];
        let mut records = 0;
        while !rest.is_empty() {
            let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
            assert_eq!(rest[..16 + length], record(&rest[12..12 + length]));
            rest = &rest[16 + length..];
            records += 1;
        }
        assert_eq!(records, 1);
    }
}
