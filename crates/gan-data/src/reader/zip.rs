//! Zip archives of images, read in place by any number of threads. Stored and deflated entries, ZIP64.
//! The layout is PKWARE's APPNOTE.TXT; only the central directory is trusted.

use super::folder::MOST_FILE_BYTES;
use super::{Backing, Listing, beside, clean_name, others};
use crate::decode::{EXTENSIONS, is_image_name};
use crate::error::{Error, Result, io_sentence};
use crate::options::Options;
use flate2::{Crc, Decompress, FlushDecompress, Status};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An open archive.
#[derive(Debug)]
pub(crate) struct Archive {
    path: PathBuf,
    file: Arc<SharedFile>,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    name: String,
    method: u16,
    encrypted: bool,
    crc: u32,
    packed: u64,
    unpacked: u64,
    /// Of the entry's local header.
    offset: u64,
}

impl Archive {
    /// Some of the entries, in the order given.
    pub fn select(&self, images: &[usize]) -> Self {
        let entries = images.iter().map(|index| self.entries[*index].clone()).collect();
        Self { path: self.path.clone(), file: Arc::clone(&self.file), entries }
    }

    pub fn names(&self) -> Vec<String> {
        self.entries.iter().map(|entry| entry.name.clone()).collect()
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn image_name(&self, index: usize) -> PathBuf {
        self.path.join(&self.entries[index].name)
    }

    pub fn read(&self, index: usize, bytes: &mut Vec<u8>) -> Result<(), String> {
        read_entry(&self.file, &self.entries[index], bytes)
    }

    /// About the first `most` bytes of an entry, or all of a shorter one; whether that is all.
    pub fn read_start(&self, index: usize, most: usize, bytes: &mut Vec<u8>) -> Result<bool, String> {
        let entry = &self.entries[index];
        if entry.unpacked <= most as u64 {
            return read_entry(&self.file, entry, bytes).map(|()| true);
        }
        let start = find_entry(&self.file, entry)?;
        let mut packed = vec![0; entry.packed.min(most as u64) as usize];
        self.file.read_exact_at(&mut packed, start).map_err(|error| io_sentence(&error))?;
        if entry.method == 0 {
            *bytes = packed;
            return Ok(false);
        }
        bytes.resize(most, 0);
        let mut inflater = Decompress::new(false);
        let inflated = inflater.decompress(&packed, bytes, FlushDecompress::None);
        inflated.map_err(|_| "is damaged: it cannot be unpacked".to_owned())?;
        bytes.truncate(inflater.total_out() as usize);
        Ok(false)
    }
}

/// Lists an archive's images; classes come from `dataset.json` or from folders, attributes from `attributes.csv`.
pub(crate) fn open(path: &Path, options: &Options) -> Result<Listing> {
    let file = File::open(path).map_err(|error| Error::file(path, error))?;
    let length = file.metadata().map_err(|error| Error::file(path, error))?.len();
    let file = SharedFile::new(file);
    let mut entries = directory(&file, length).map_err(|why| not_whole(path, &why))?;
    entries.retain(|entry| !entry.name.ends_with('/') && visible(&entry.name));
    let (mut entries, rest): (Vec<Entry>, Vec<Entry>) =
        entries.into_iter().partition(|entry| is_image_name(&entry.name));
    if entries.is_empty() {
        let why = match rest.len() {
            0 => "is an empty archive; give one that holds images".to_owned(),
            others => format!("has {others} files, but no images ({})", EXTENSIONS.join(", ")),
        };
        return Err(Error::data(path, why));
    }
    entries.sort_by(|left, right| left.name.cmp(&right.name));
    let names: Vec<String> = entries.iter().map(|entry| entry.name.clone()).collect();
    let (mut found, attributes) = beside::read(&names, options, |name| {
        let Some(entry) = rest.iter().find(|entry| entry.name == name) else { return Ok(None) };
        let inside = path.join(&entry.name);
        let mut bytes = Vec::new();
        read_entry(&file, entry, &mut bytes).map_err(|why| Error::data(&inside, why))?;
        Ok(Some((inside, bytes)))
    })?;
    let rest: Vec<String> = rest.into_iter().map(|entry| entry.name).collect();
    found.notes.extend(others::note(&rest));
    Ok(Listing {
        name: String::new(),
        backing: Backing::Zip(Archive { path: path.to_owned(), file: Arc::new(file), entries }),
        labels: found.labels,
        classes: found.classes,
        attributes,
        notes: found.notes,
    })
}

/// The entry of this name, in whatever folder of the archive.
pub(crate) fn read_named(path: &Path, name: &str) -> Result<Vec<u8>> {
    let file = File::open(path).map_err(|error| Error::file(path, error))?;
    let length = file.metadata().map_err(|error| Error::file(path, error))?.len();
    let file = SharedFile::new(file);
    let entries = directory(&file, length).map_err(|why| not_whole(path, &why))?;
    let Some(entry) = entries.iter().find(|entry| entry.name.rsplit('/').next() == Some(name)) else {
        return Err(Error::data(path, format!("holds no {name}; it is another archive")));
    };
    let mut bytes = Vec::new();
    read_entry(&file, entry, &mut bytes).map_err(|why| Error::data(path.join(&entry.name), why))?;
    Ok(bytes)
}

fn not_whole(path: &Path, why: &str) -> Error {
    Error::data(path, format!("is not a whole zip archive ({why}); copy it again"))
}

fn visible(name: &str) -> bool {
    name.split('/').all(|part| !part.starts_with('.') && part != "__MACOSX")
}

/// Every entry of the central directory.
fn directory(file: &SharedFile, length: u64) -> Result<Vec<Entry>, String> {
    let (count, size, offset) = end_record(file, length)?;
    if size > length || offset > length - size {
        return Err("its directory lies outside the file".to_owned());
    }
    let mut bytes = vec![0; usize::try_from(size).map_err(|_| "its directory is too large")?];
    file.read_exact_at(&mut bytes, offset).map_err(|error| io_sentence(&error))?;
    let mut entries = Vec::with_capacity(usize::try_from(count.min(size / 46)).unwrap_or(0));
    let mut at = 0;
    while entries.len() as u64 != count {
        let (entry, next) = directory_entry(&bytes, at).ok_or("its directory is damaged")?;
        entries.push(entry);
        at = next;
    }
    Ok(entries)
}

/// How many entries there are, and size and offset of their directory.
fn end_record(file: &SharedFile, length: u64) -> Result<(u64, u64, u64), String> {
    let tail_length = length.min(22 + 65_535);
    let start = length - tail_length;
    let mut tail = vec![0; tail_length as usize];
    file.read_exact_at(&mut tail, start).map_err(|error| io_sentence(&error))?;
    let at = tail.windows(4).rposition(|window| window == b"PK\x05\x06").ok_or("it has no end record")?;
    let fields = |at: usize| {
        Some((u64::from(u16_at(&tail, at + 10)?), u32_at(&tail, at + 12)?, u32_at(&tail, at + 16)?))
    };
    let (count, size, offset) = fields(at).ok_or("its end record is cut off")?;
    if count != 0xffff && size != u32::MAX && offset != u32::MAX {
        return Ok((count, size.into(), offset.into()));
    }
    let Some(locator) = at.checked_sub(20).filter(|at| tail[*at..].starts_with(b"PK\x06\x07")) else {
        return Ok((count, size.into(), offset.into()));
    };
    let record_at = u64_at(&tail, locator + 8).ok_or("its end record is cut off")?;
    let mut record = [0; 56];
    file.read_exact_at(&mut record, record_at).map_err(|error| io_sentence(&error))?;
    if !record.starts_with(b"PK\x06\x06") {
        return Err("its ZIP64 end record is damaged".to_owned());
    }
    let field = |at: usize| u64_at(&record, at).ok_or("its ZIP64 end record is damaged");
    Ok((field(32)?, field(40)?, field(48)?))
}

/// The entry at `at` and where the next one starts.
fn directory_entry(bytes: &[u8], at: usize) -> Option<(Entry, usize)> {
    let head = bytes.get(at..at + 46).filter(|head| head.starts_with(b"PK\x01\x02"))?;
    let flags = u16_at(head, 8)?;
    let name_end = at + 46 + usize::from(u16_at(head, 28)?);
    let extra_end = name_end + usize::from(u16_at(head, 30)?);
    let next = extra_end + usize::from(u16_at(head, 32)?);
    let mut entry = Entry {
        name: clean_name(&String::from_utf8_lossy(bytes.get(at + 46..name_end)?)),
        method: u16_at(head, 10)?,
        encrypted: flags & 1 != 0,
        crc: u32_at(head, 16)?,
        packed: u32_at(head, 20)?.into(),
        unpacked: u32_at(head, 24)?.into(),
        offset: u32_at(head, 42)?.into(),
    };
    let mut extra = bytes.get(name_end..extra_end)?;
    while let (Some(kind), Some(length)) = (u16_at(extra, 0), u16_at(extra, 2)) {
        let Some(body) = extra.get(4..4 + usize::from(length)) else { break };
        if kind == 1 {
            // ZIP64: only the values that did not fit, in this order.
            let mut values = body.chunks_exact(8).map(|value| u64_at(value, 0));
            for field in [&mut entry.unpacked, &mut entry.packed, &mut entry.offset] {
                if *field == u64::from(u32::MAX) {
                    *field = values.next()??;
                }
            }
        }
        extra = &extra[4 + usize::from(length)..];
    }
    Some((entry, next))
}

/// Where an entry's bytes start, if it is one that can be read.
fn find_entry(file: &SharedFile, entry: &Entry) -> Result<u64, String> {
    if entry.encrypted {
        return Err("is encrypted; unpack the archive with its password".to_owned());
    }
    if entry.packed > MOST_FILE_BYTES || entry.unpacked > MOST_FILE_BYTES {
        return Err("is larger than 1 GiB".to_owned());
    }
    if !matches!(entry.method, 0 | 8) {
        let method = entry.method;
        return Err(format!(
            "is packed by method {method}; pack the archive with deflate or without packing"
        ));
    }
    let mut head = [0; 30];
    file.read_exact_at(&mut head, entry.offset).map_err(|error| io_sentence(&error))?;
    if !head.starts_with(b"PK\x03\x04") {
        return Err("is not where the archive's directory says".to_owned());
    }
    let skip = 30 + u64::from(u16_at(&head, 26).unwrap_or(0)) + u64::from(u16_at(&head, 28).unwrap_or(0));
    Ok(entry.offset.saturating_add(skip))
}

fn read_entry(file: &SharedFile, entry: &Entry, bytes: &mut Vec<u8>) -> Result<(), String> {
    let start = find_entry(file, entry)?;
    let unreadable = |error: io::Error| io_sentence(&error);
    if entry.method == 0 {
        bytes.resize(entry.packed as usize, 0);
        file.read_exact_at(bytes, start).map_err(unreadable)?;
    } else {
        let mut packed = vec![0; entry.packed as usize];
        file.read_exact_at(&mut packed, start).map_err(unreadable)?;
        inflate(&packed, entry.unpacked as usize, bytes)?;
    }
    let mut crc = Crc::new();
    crc.update(bytes);
    if crc.sum() != entry.crc {
        return Err("is damaged: its checksum is wrong".to_owned());
    }
    Ok(())
}

/// Into exactly the declared number of bytes, so that a bomb cannot unfold further.
fn inflate(packed: &[u8], unpacked: usize, bytes: &mut Vec<u8>) -> Result<(), String> {
    bytes.resize(unpacked, 0);
    let mut inflater = Decompress::new(false);
    let status = inflater.decompress(packed, bytes, FlushDecompress::Finish);
    match status {
        Ok(Status::StreamEnd) if inflater.total_out() == unpacked as u64 => Ok(()),
        _ => Err("is damaged: it cannot be unpacked".to_owned()),
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// A file that threads read at offsets, without a shared cursor where the system can.
#[derive(Debug)]
struct SharedFile {
    #[cfg(unix)]
    file: File,
    #[cfg(not(unix))]
    file: std::sync::Mutex<File>,
}

#[cfg(unix)]
impl SharedFile {
    fn new(file: File) -> Self {
        Self { file }
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, bytes, offset)
    }
}

#[cfg(not(unix))]
impl SharedFile {
    fn new(file: File) -> Self {
        Self { file: std::sync::Mutex::new(file) }
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        use std::io::{Read, Seek, SeekFrom};
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(bytes)
    }
}
