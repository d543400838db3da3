//! Tensors out of files that `torch.save` wrote, of both layouts: the zip archive, and the row of pickles from before
//! PyTorch 1.6 that many published weights still are.
//!
//! Nothing in them is run ([`super::pickle`]): this reader looks for tensors in dictionaries and lists, and takes every other
//! object for something without content. No crate reads the older layout.

use super::file::Named;
use super::pickle::{Known, Names, Object, PROTO, Pickle, Refusal, Value};
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
    let tensors = if is_archive(bytes) { archive(bytes) } else { row_of_pickles(bytes) };
    let mut tensors = tensors.map_err(|why| {
        let (Refusal::Broken(why) | Refusal::Foreign(why)) = why;
        Error::data(path, format!("is no readable file of PyTorch's ({why}): download it again"))
    })?;
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(tensors)
}

type Parsed<T> = std::result::Result<T, Refusal>;

/// Containers in containers, and all that is looked at.
const DEEPEST: usize = 100;
const MOST_VALUES: usize = 4_000_000;

fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

fn archive(bytes: &[u8]) -> Parsed<Named> {
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
    let main = entry(main)?;
    let data = format!("{folder}data/");
    let mut storages = HashMap::new();
    for name in &names {
        if let Some(key) = name.strip_prefix(&data) {
            storages.insert(key, entry(name)?);
        }
    }
    let mut pickle = Pickle::new(&main, any);
    let value = pickle.read()?;
    Tensors::of(&pickle, value, &|key| storages.get(key).map(Vec::as_slice))
}

/// Magic number, version and a word on the machine; the object; the keys of its storages; and these, each after its length.
fn row_of_pickles(bytes: &[u8]) -> Parsed<Named> {
    let mut pickle = Pickle::new(bytes, any);
    let (value, storages) = row_with_storages(&mut pickle, bytes)?;
    Tensors::of(&pickle, value, &|key| storages.get(key).copied())
}

fn row_with_storages<'a>(
    pickle: &mut Pickle<'a>,
    bytes: &[u8],
) -> Parsed<(Value<'a>, HashMap<&'a str, &'a [u8]>)> {
    if !is_one(bytes) {
        return Err("it begins as no such file does".into());
    }
    for _ in 0..3 {
        pickle.read()?;
    }
    let value = pickle.read()?;
    let mut known = HashMap::new();
    for known_as in pickle.all_outside() {
        if let Some(storage) = Storage::of(pickle, known_as)? {
            known.insert(storage.key, storage);
        }
    }
    let keys = pickle.read()?;
    let keys = pickle.row(keys).ok_or("it has no list of storages")?.to_vec();
    let mut storages = HashMap::new();
    for key in keys {
        let Value::Text(key) = key else { return Err("a storage has no name".into()) };
        let storage = known.get(key).ok_or("a storage belongs to no tensor")?;
        let (count, expected) = (u64::from_le_bytes(pickle.array()?) as usize, storage.count);
        if count != expected {
            return Err(format!("storage {key} has {count} numbers and should have {expected}").into());
        }
        let length = count.checked_mul(storage.kind.elt_size_in_bytes()).ok_or("a storage is too long")?;
        storages.insert(key, pickle.bytes(length)?);
    }
    Ok((value, storages))
}

/// Names are of no matter where nothing that is not a tensor is looked at.
fn any(module: &str, name: &str) -> Option<Known> {
    Some(if (module, name) == ("collections", "OrderedDict") { Known::Dict } else { Known::Object })
}

/// `('storage', class, key, device, count, ...)`
struct Storage<'a> {
    key: &'a str,
    kind: Kind,
    count: usize,
}

impl<'a> Storage<'a> {
    fn of(pickle: &Pickle<'a>, known_as: Value<'a>) -> Parsed<Option<Self>> {
        let Some(&[_, class, Value::Text(key), _, Value::Int(count), ..]) = pickle.row(known_as) else {
            return Ok(None);
        };
        let Some((module, class)) = pickle.global(class) else { return Ok(None) };
        let kind =
            kind_of(module, class).ok_or_else(|| format!("numbers of {module}.{class} are not supported"))?;
        let count = usize::try_from(count).map_err(|_| "a storage has a negative length")?;
        Ok(Some(Self { key, kind, count }))
    }
}

fn kind_of(module: &str, class: &str) -> Option<Kind> {
    Some(match class {
        _ if module != "torch" => return None,
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

/// A view of a storage.
struct Strided<'a> {
    storage: Value<'a>,
    offset: i64,
    size: Vec<i64>,
    stride: Vec<i64>,
}

impl<'a> Strided<'a> {
    /// What a value is if it is a tensor, or a parameter around one.
    fn of(pickle: &Pickle<'a>, value: Value<'a>) -> Parsed<Option<Self>> {
        let Some(Object { module: "torch._utils", name, arguments, .. }) = pickle.object(value) else {
            return Ok(None);
        };
        let arguments = pickle.row(arguments).unwrap_or_default();
        match (name, arguments) {
            ("_rebuild_parameter" | "_rebuild_parameter_with_state", [tensor, ..]) => {
                match pickle.object(*tensor) {
                    Some(Object { name: "_rebuild_tensor_v2" | "_rebuild_tensor", .. }) => {
                        Self::of(pickle, *tensor)
                    }
                    _ => Ok(None),
                }
            }
            ("_rebuild_tensor_v2" | "_rebuild_tensor", &[storage, Value::Int(offset), size, stride, ..]) => {
                let (size, stride) = (integers(pickle, size)?, integers(pickle, stride)?);
                if size.len() != stride.len() || size.iter().chain(&stride).chain([&offset]).any(|&x| x < 0) {
                    return Err("a tensor has a shape that cannot be".into());
                }
                Ok(Some(Self { storage, offset, size, stride }))
            }
            ("_rebuild_tensor_v2" | "_rebuild_tensor", _) => {
                Err("a tensor is built in an unknown way".into())
            }
            _ => Ok(None),
        }
    }

    fn tensor(&self, bytes: &[u8], kind: Kind) -> Parsed<Tensor> {
        let count = (bytes.len() / kind.elt_size_in_bytes()) as i64;
        let tensor = Tensor::f_from_data_size(bytes, &[count], kind)
            .and_then(|storage| storage.f_as_strided(&self.size, &self.stride, self.offset)?.f_contiguous());
        tensor.map_err(|error| error.to_string().lines().next().unwrap_or_default().into())
    }
}

fn integers(pickle: &Pickle, row: Value) -> Parsed<Vec<i64>> {
    let integer = |value: &Value| match value {
        Value::Int(value) => Ok(*value),
        _ => Err("a tensor's shape is not of whole numbers".into()),
    };
    pickle.row(row).ok_or("a tensor is built in an unknown way")?.iter().map(integer).collect()
}

/// Walks through containers.
struct Tensors<'p, 'a> {
    pickle: &'p Pickle<'a>,
    storage: &'p dyn Fn(&str) -> Option<&'p [u8]>,
    seen: usize,
    found: Named,
}

impl<'p, 'a> Tensors<'p, 'a> {
    fn of(
        pickle: &'p Pickle<'a>,
        value: Value<'a>,
        storage: &'p dyn Fn(&str) -> Option<&'p [u8]>,
    ) -> Parsed<Named> {
        let mut walk = Self { pickle, storage, seen: 0, found: Vec::new() };
        walk.collect("", value, DEEPEST)?;
        Ok(walk.found)
    }

    fn collect(&mut self, name: &str, value: Value<'a>, depth: usize) -> Parsed<()> {
        self.seen += 1;
        if depth == 0 || self.seen > MOST_VALUES {
            return Err("its dictionaries lie too deep in each other".into());
        }
        let below = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
        if let Some(items) = self.pickle.dict(value) {
            for &(key, value) in items {
                match key {
                    Value::Text(key) => self.collect(&below(key), value, depth - 1)?,
                    Value::Int(key) => self.collect(&below(&key.to_string()), value, depth - 1)?,
                    _ => {}
                }
            }
        } else if let Some(items) = self.pickle.row(value) {
            for (index, &value) in items.iter().enumerate() {
                self.collect(&below(&index.to_string()), value, depth - 1)?;
            }
        } else if let Some(strided) = Strided::of(self.pickle, value)? {
            let known_as = self.pickle.outside(strided.storage).unwrap_or(Value::None);
            let storage = Storage::of(self.pickle, known_as)?.ok_or("a tensor is built in an unknown way")?;
            let bytes = (self.storage)(storage.key)
                .ok_or_else(|| format!("{name}: storage {} is not there", storage.key))?;
            let tensor = strided.tensor(bytes, storage.kind).map_err(|why| match why {
                Refusal::Broken(why) => Refusal::Broken(format!("{name}: {why}")),
                foreign => foreign,
            })?;
            self.found.push((name.to_owned(), tensor));
        }
        Ok(())
    }
}

/// What tensors and parameters are made of in a plain pickle; for the caller's own [`Names`] to begin with.
pub fn plain_names(module: &str, name: &str) -> Option<Known> {
    match (module, name) {
        ("collections", "OrderedDict") => Some(Known::Dict),
        ("torch", "Size") => Some(Known::Row),
        ("torch._utils", "_rebuild_tensor_v2" | "_rebuild_tensor")
        | ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state")
        | ("torch.storage", "_load_from_bytes") => Some(Known::Object),
        _ => None,
    }
}

/// The tensor that a value of a plain pickle is, if it is one: there each storage is a file of the older layout by itself.
///
/// # Errors
/// A storage that is none, a shape that reaches beyond it.
pub fn plain_tensor<'a>(
    pickle: &Pickle<'a>,
    value: Value<'a>,
) -> std::result::Result<Option<Tensor>, Refusal> {
    let Some(strided) = Strided::of(pickle, value)? else { return Ok(None) };
    let of_bytes = pickle.object(strided.storage).filter(|object| object.name == "_load_from_bytes");
    let arguments = of_bytes.and_then(|object| pickle.row(object.arguments));
    let Some(&[Value::Bytes(bytes)]) = arguments else {
        return Err("a tensor is built in an unknown way".into());
    };
    let names: Names = |module, name| {
        let is_known = kind_of(module, name).is_some() || (module, name) == ("collections", "OrderedDict");
        is_known.then_some(Known::Object)
    };
    let mut inner = Pickle::new(bytes, names);
    let (root, storages) = row_with_storages(&mut inner, bytes)?;
    let known_as = inner.outside(root).unwrap_or(Value::None);
    let storage = Storage::of(&inner, known_as)?.ok_or("a storage is something else")?;
    let bytes = storages.get(storage.key).ok_or("a storage has no numbers")?;
    // A stride of 0 would make any number of numbers out of one.
    let count = strided.size.iter().try_fold(1i64, |count, &size| count.checked_mul(size));
    if count.is_none_or(|count| count > storage.count as i64) {
        return Err("a tensor has a shape that cannot be".into());
    }
    strided.tensor(bytes, storage.kind).map(Some)
}
