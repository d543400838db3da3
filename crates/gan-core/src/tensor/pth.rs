//! Tensors out of files that `torch.save` wrote, of both layouts: the zip archive, and the row of pickles from before
//! PyTorch 1.6 that many published weights still are.
//!
//! A pickle is a program. This reader runs none of it: it follows the few instructions that put tensors into dictionaries and
//! takes every other object for something without content. No crate reads the older layout.

use super::file::Named;
use crate::error::{Error, Result};
use std::collections::HashMap;
use std::io::{Cursor, Read};
use std::path::Path;
use tch::{Kind, Tensor};

/// Reads all tensors onto the CPU, sorted by name; what lies in nested dictionaries is named with dots between.
///
/// # Errors
/// A file that cannot be read, or is none of `torch.save`'s, or is cut short.
pub fn read(path: &Path) -> Result<Named> {
    let bytes = std::fs::read(path).map_err(|source| Error::file(path, source))?;
    decode(&bytes, path)
}

/// Whether bytes begin as one of the two layouts does.
pub fn is_one(bytes: &[u8]) -> bool {
    is_archive(bytes) || bytes.starts_with(&[PROTO, 2])
}

/// As [`read`], from bytes; `path` is for the sentence only.
///
/// # Errors
/// Bytes that are none of `torch.save`'s, or are cut short.
pub fn decode(bytes: &[u8], path: &Path) -> Result<Named> {
    let content = if is_archive(bytes) { archive(bytes) } else { row_of_pickles(bytes) };
    let tensors = content.and_then(|(value, storages)| {
        let mut tensors = Vec::new();
        collect(String::new(), value, &storages, &mut tensors)?;
        Ok(tensors)
    });
    let mut tensors = tensors.map_err(|why| {
        Error::data(path, format!("is no readable file of PyTorch's ({why}): download it again"))
    })?;
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(tensors)
}

type Parsed<T> = std::result::Result<T, String>;

/// The bytes of each storage by its key.
type Storages = HashMap<String, Vec<u8>>;

/// What a pickle builds, as far as it concerns tensors.
#[derive(Debug, Clone)]
enum Value {
    Int(i64),
    Text(String),
    /// Tuples and lists.
    Row(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    /// A class or function by name.
    Global(String),
    Storage {
        key: String,
        kind: Kind,
    },
    Tensor(Strided),
    Mark,
    /// Anything else, unread.
    Other,
}

#[derive(Debug, Clone)]
struct Strided {
    key: String,
    kind: Kind,
    offset: i64,
    size: Vec<i64>,
    stride: Vec<i64>,
}

fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

fn archive(bytes: &[u8]) -> Parsed<(Value, Storages)> {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    let names: Vec<String> = zip.file_names().map(str::to_owned).collect();
    let main = names.iter().find(|name| name.ends_with("data.pkl")).ok_or("it has no data.pkl")?;
    let folder = main.trim_end_matches("data.pkl");
    let mut entry = |name: &str| -> Parsed<Vec<u8>> {
        let mut content = Vec::new();
        let mut file = zip.by_name(name).map_err(|error| format!("{name}: {error}"))?;
        file.read_to_end(&mut content).map_err(|error| format!("{name}: {error}"))?;
        Ok(content)
    };
    let value = Reader::new(&entry(main)?).value()?;
    let data = format!("{folder}data/");
    let mut storages = Storages::new();
    for name in &names {
        if let Some(key) = name.strip_prefix(&data) {
            storages.insert(key.to_owned(), entry(name)?);
        }
    }
    Ok((value, storages))
}

/// Magic number, version and a word on the machine; the object; the keys of its storages; and these, each after its length.
fn row_of_pickles(bytes: &[u8]) -> Parsed<(Value, Storages)> {
    if !is_one(bytes) {
        return Err("it begins as no such file does".to_owned());
    }
    let mut reader = Reader::new(bytes);
    for _ in 0..3 {
        reader.value()?;
    }
    let value = reader.value()?;
    let kinds = std::mem::take(&mut reader.storages);
    let Value::Row(keys) = reader.value()? else { return Err("it has no list of storages".to_owned()) };
    let mut storages = Storages::new();
    for key in keys {
        let Value::Text(key) = key else { return Err("a storage has no name".to_owned()) };
        let (kind, expected) = *kinds.get(&key).ok_or("a storage belongs to no tensor")?;
        let count = u64::from_le_bytes(reader.array()?) as usize;
        if count != expected {
            return Err(format!("storage {key} has {count} numbers and should have {expected}"));
        }
        let length = count.checked_mul(kind.elt_size_in_bytes()).ok_or("a storage is too long")?;
        storages.insert(key, reader.bytes(length)?.to_vec());
    }
    Ok((value, storages))
}

fn collect(name: String, value: Value, storages: &Storages, into: &mut Named) -> Parsed<()> {
    match value {
        Value::Tensor(Strided { key, kind, offset, size, stride }) => {
            let bytes = storages.get(&key).ok_or_else(|| format!("{name}: storage {key} is not there"))?;
            let count = (bytes.len() / kind.elt_size_in_bytes()) as i64;
            let tensor = Tensor::f_from_data_size(bytes, &[count], kind)
                .and_then(|storage| storage.f_as_strided(&size, &stride, offset)?.f_contiguous())
                .map_err(|error| {
                    format!("{name}: {}", error.to_string().lines().next().unwrap_or_default())
                })?;
            into.push((name, tensor));
        }
        Value::Dict(items) => {
            for (key, value) in items {
                let key = match key {
                    Value::Text(key) => key,
                    Value::Int(key) => key.to_string(),
                    _ => continue,
                };
                let name = if name.is_empty() { key } else { format!("{name}.{key}") };
                collect(name, value, storages, into)?;
            }
        }
        Value::Row(items) => {
            for (index, value) in items.into_iter().enumerate() {
                let name = if name.is_empty() { index.to_string() } else { format!("{name}.{index}") };
                collect(name, value, storages, into)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn kind_of(class: &str) -> Option<Kind> {
    Some(match class.strip_prefix("torch.")? {
        "FloatStorage" => Kind::Float,
        "DoubleStorage" => Kind::Double,
        "HalfStorage" => Kind::Half,
        "BFloat16Storage" => Kind::BFloat16,
        "LongStorage" => Kind::Int64,
        "IntStorage" => Kind::Int,
        "ShortStorage" => Kind::Int16,
        "CharStorage" => Kind::Int8,
        "ByteStorage" => Kind::Uint8,
        "BoolStorage" => Kind::Bool,
        _ => return None,
    })
}

const PROTO: u8 = 0x80;

/// A cursor over pickles, with the stack machine's state.
struct Reader<'a> {
    rest: &'a [u8],
    stack: Vec<Value>,
    memo: HashMap<u32, Value>,
    /// Kind and length of every storage met.
    storages: HashMap<String, (Kind, usize)>,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, stack: Vec::new(), memo: HashMap::new(), storages: HashMap::new() }
    }

    fn bytes(&mut self, count: usize) -> Parsed<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or("it is cut short")?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Parsed<[u8; N]> {
        Ok(self.bytes(N)?.try_into().expect("as many as asked for"))
    }

    fn line(&mut self) -> Parsed<String> {
        let end = self.rest.iter().position(|&byte| byte == b'\n').ok_or("it is cut short")?;
        let line = self.bytes(end)?;
        self.bytes(1)?;
        Ok(String::from_utf8_lossy(line).into_owned())
    }

    fn text(&mut self, count: usize) -> Parsed<Value> {
        Ok(Value::Text(String::from_utf8_lossy(self.bytes(count)?).into_owned()))
    }

    fn pop(&mut self) -> Parsed<Value> {
        self.stack.pop().ok_or_else(|| "its pickle is broken".to_owned())
    }

    /// What lies above the last mark.
    fn marked(&mut self) -> Parsed<Vec<Value>> {
        let is_mark = |value: &Value| matches!(value, Value::Mark);
        let at = self.stack.iter().rposition(is_mark).ok_or("its pickle is broken")?;
        let items = self.stack.split_off(at + 1);
        self.stack.pop();
        Ok(items)
    }

    fn last(&mut self, count: usize) -> Parsed<Vec<Value>> {
        let at = self.stack.len().checked_sub(count).ok_or("its pickle is broken")?;
        Ok(self.stack.split_off(at))
    }

    fn keep(&mut self, index: u32) -> Parsed<()> {
        let top = self.stack.last().ok_or("its pickle is broken")?;
        // Nothing refers to a tensor's dictionary again; copying it for every mention would take long.
        let kept = if matches!(top, Value::Dict(_)) { Value::Other } else { top.clone() };
        self.memo.insert(index, kept);
        Ok(())
    }

    fn recall(&mut self, index: u32) -> Parsed<Value> {
        self.memo.get(&index).cloned().ok_or_else(|| "its pickle is broken".to_owned())
    }

    /// Runs one pickle to its end.
    fn value(&mut self) -> Parsed<Value> {
        self.stack.clear();
        self.memo.clear();
        loop {
            let code = self.array::<1>()?[0];
            let value = match code {
                b'.' => return self.pop(),
                PROTO => {
                    self.bytes(1)?;
                    continue;
                }
                0x95 => {
                    self.bytes(8)?;
                    continue;
                }
                b'q' => {
                    let [index] = self.array()?;
                    self.keep(index.into())?;
                    continue;
                }
                b'r' => {
                    let index = u32::from_le_bytes(self.array()?);
                    self.keep(index)?;
                    continue;
                }
                0x94 => {
                    self.keep(self.memo.len() as u32)?;
                    continue;
                }
                b'0' => {
                    self.pop()?;
                    continue;
                }
                // What an object is built from adds no tensors that its class would not have.
                b'b' => {
                    self.pop()?;
                    continue;
                }
                b's' => {
                    let pair = self.last(2)?;
                    self.set(pair);
                    continue;
                }
                b'u' => {
                    let pairs = self.marked()?;
                    self.set(pairs);
                    continue;
                }
                b'a' => {
                    let item = self.last(1)?;
                    self.append(item);
                    continue;
                }
                b'e' => {
                    let items = self.marked()?;
                    self.append(items);
                    continue;
                }
                b'(' => Value::Mark,
                b'}' => Value::Dict(Vec::new()),
                b']' | b')' => Value::Row(Vec::new()),
                b't' => Value::Row(self.marked()?),
                0x85..=0x87 => Value::Row(self.last(usize::from(code - 0x84))?),
                b'h' => {
                    let [index] = self.array()?;
                    self.recall(index.into())?
                }
                b'j' => {
                    let index = u32::from_le_bytes(self.array()?);
                    self.recall(index)?
                }
                b'X' | b'T' => {
                    let count = u32::from_le_bytes(self.array()?);
                    self.text(count as usize)?
                }
                0x8c | b'U' => {
                    let [count] = self.array()?;
                    self.text(count.into())?
                }
                b'J' => Value::Int(i32::from_le_bytes(self.array()?).into()),
                b'K' => Value::Int(self.array::<1>()?[0].into()),
                b'M' => Value::Int(u16::from_le_bytes(self.array()?).into()),
                0x8a => {
                    let [count] = self.array()?;
                    whole(self.bytes(count.into())?)
                }
                b'G' => {
                    self.bytes(8)?;
                    Value::Other
                }
                b'N' | 0x88 | 0x89 | 0x8f => Value::Other,
                b'c' => {
                    let module = self.line()?;
                    Value::Global(format!("{module}.{}", self.line()?))
                }
                0x93 => match (self.last(2)?).as_slice() {
                    [Value::Text(module), Value::Text(name)] => Value::Global(format!("{module}.{name}")),
                    _ => Value::Other,
                },
                b'Q' => {
                    let id = self.pop()?;
                    self.storage(id)?
                }
                b'R' | 0x81 => {
                    let mut call = self.last(2)?;
                    let arguments = call.pop().unwrap_or(Value::Other);
                    built(&call[0], arguments)?
                }
                _ => return Err(format!("its pickle has the instruction {code:#x}, which no tensor needs")),
            };
            self.stack.push(value);
        }
    }

    fn set(&mut self, pairs: Vec<Value>) {
        if let Some(Value::Dict(items)) = self.stack.last_mut() {
            let mut pairs = pairs.into_iter();
            while let (Some(key), Some(value)) = (pairs.next(), pairs.next()) {
                items.push((key, value));
            }
        }
    }

    fn append(&mut self, items: Vec<Value>) {
        if let Some(Value::Row(row)) = self.stack.last_mut() {
            row.extend(items);
        }
    }

    /// `('storage', class, key, device, count, ...)`
    fn storage(&mut self, id: Value) -> Parsed<Value> {
        let Value::Row(parts) = id else { return Ok(Value::Other) };
        let [_, Value::Global(class), Value::Text(key), _, Value::Int(count), ..] = parts.as_slice() else {
            return Ok(Value::Other);
        };
        let kind = kind_of(class).ok_or_else(|| format!("numbers of {class} are not supported"))?;
        let count = usize::try_from(*count).map_err(|_| "a storage has a negative length")?;
        self.storages.insert(key.clone(), (kind, count));
        Ok(Value::Storage { key: key.clone(), kind })
    }
}

/// A whole number, least significant byte first; what does not fit is no size of anything.
fn whole(bytes: &[u8]) -> Value {
    if bytes.len() > 8 {
        return Value::Other;
    }
    let negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
    let mut all = [if negative { 0xff } else { 0 }; 8];
    all[..bytes.len()].copy_from_slice(bytes);
    Value::Int(i64::from_le_bytes(all))
}

/// What calling a class or function makes.
fn built(callee: &Value, arguments: Value) -> Parsed<Value> {
    let (Value::Global(name), Value::Row(mut arguments)) = (callee, arguments) else {
        return Ok(Value::Other);
    };
    match name.as_str() {
        "collections.OrderedDict" => Ok(Value::Dict(Vec::new())),
        "torch._utils._rebuild_parameter" if !arguments.is_empty() => Ok(arguments.swap_remove(0)),
        "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor" => match arguments.as_slice() {
            [Value::Storage { key, kind }, Value::Int(offset), Value::Row(size), Value::Row(stride), ..] => {
                let (size, stride) = (integers(size)?, integers(stride)?);
                if size.len() != stride.len() || size.iter().chain(&stride).chain([offset]).any(|&x| x < 0) {
                    return Err("a tensor has a shape that cannot be".to_owned());
                }
                Ok(Value::Tensor(Strided { key: key.clone(), kind: *kind, offset: *offset, size, stride }))
            }
            _ => Err("a tensor is built in an unknown way".to_owned()),
        },
        _ => Ok(Value::Other),
    }
}

fn integers(row: &[Value]) -> Parsed<Vec<i64>> {
    let integer = |value: &Value| match value {
        Value::Int(value) => Ok(*value),
        _ => Err("a tensor's shape is not of whole numbers".to_owned()),
    };
    row.iter().map(integer).collect()
}
