//! Python's pickles, read and not run.
//!
//! A pickle is a program: it names functions and asks for them to be called. This reader calls none. It follows the few
//! instructions that put numbers, texts and containers together, and of every call keeps what would have been called and with
//! what. Which names are known is the caller's to say; at any other one reading ends.
//!
//! Everything lies in one flat list, so that no nesting, however deep, takes a stack, and no value is copied where it is
//! mentioned again. Texts and bytes are pieces of the file.

use std::collections::HashMap;

/// Instructions of a whole file. A StyleGAN2's three networks have less than a tenth.
const MOST_INSTRUCTIONS: usize = 4_000_000;

/// What a pickle builds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// A whole number of at most 64 bits.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A tuple, list or set: see [`Pickle::row`].
    Row(Place),
    /// A dictionary: see [`Pickle::dict`].
    Dict(Place),
    /// A class or function: see [`Pickle::global`].
    Global(Place),
    /// What a call would make: see [`Pickle::object`].
    Object(Place),
    /// Something that lies outside the pickle, by what it is known as there: see [`Pickle::outside`].
    Outside(Place),
    /// Anything else, unread.
    Other,
}

/// Where a container lies in its [`Pickle`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(usize);

/// A call that was not made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Object<'a> {
    /// The module that the class or function lies in.
    pub module: &'a str,
    /// Its name there.
    pub name: &'a str,
    /// What it would have been given: a [`Value::Row`].
    pub arguments: Value<'a>,
    /// What the object would have been filled with.
    pub state: Value<'a>,
}

/// What a class or function is to the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It makes dictionaries.
    Dict,
    /// It makes rows.
    Row,
    /// A call of it is kept as an [`Object`].
    Object,
}

/// Why reading ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The bytes are no pickle, or are cut short; in words that stand in brackets.
    Broken(String),
    /// The name of a class or function that is not known.
    Foreign(String),
}

impl From<&str> for Refusal {
    fn from(why: &str) -> Self {
        Self::Broken(why.to_owned())
    }
}

impl From<String> for Refusal {
    fn from(why: String) -> Self {
        Self::Broken(why)
    }
}

type Read<T> = Result<T, Refusal>;

/// Which classes and functions are known, by module and name.
pub type Names = fn(&str, &str) -> Option<Known>;

#[derive(Debug)]
enum Node<'a> {
    Row(Vec<Value<'a>>),
    Dict(Vec<(Value<'a>, Value<'a>)>),
    Global(&'a str, &'a str, Known),
    Object(Object<'a>),
    Outside(Value<'a>),
}

/// One or more pickles in a row, and all that they build.
#[derive(Debug)]
pub struct Pickle<'a> {
    rest: &'a [u8],
    names: Names,
    nodes: Vec<Node<'a>>,
    stack: Vec<Value<'a>>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u32, Value<'a>>,
    instructions: usize,
}

const BROKEN: &str = "its pickle is broken";
/// How pickles of protocol 2 and up begin.
pub(super) const PROTO: u8 = 0x80;

/// Whether bytes begin as pickles of protocols 2 to 5 do.
pub fn is_one(bytes: &[u8]) -> bool {
    matches!(bytes, [PROTO, 2..=5, ..])
}

impl<'a> Pickle<'a> {
    /// Nothing is read yet.
    pub fn new(bytes: &'a [u8], names: Names) -> Self {
        Self {
            rest: bytes,
            names,
            nodes: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            instructions: 0,
        }
    }

    /// The items of a tuple, list or set.
    pub fn row(&self, value: Value<'a>) -> Option<&[Value<'a>]> {
        match (value, self.node(value)?) {
            (Value::Row(_), Node::Row(items)) => Some(items),
            _ => None,
        }
    }

    /// The items of a dictionary.
    pub fn dict(&self, value: Value<'a>) -> Option<&[(Value<'a>, Value<'a>)]> {
        match (value, self.node(value)?) {
            (Value::Dict(_), Node::Dict(items)) => Some(items),
            _ => None,
        }
    }

    /// What a dictionary has under a name.
    pub fn get(&self, dict: Value<'a>, key: &str) -> Option<Value<'a>> {
        // Where a key was set twice the last one holds.
        self.dict(dict)?.iter().rev().find(|(name, _)| *name == Value::Text(key)).map(|(_, value)| *value)
    }

    /// Module and name of a class or function.
    pub fn global(&self, value: Value<'a>) -> Option<(&'a str, &'a str)> {
        match self.node(value)? {
            Node::Global(module, name, _) => Some((module, name)),
            _ => None,
        }
    }

    /// A call that was not made.
    pub fn object(&self, value: Value<'a>) -> Option<Object<'a>> {
        match self.node(value)? {
            Node::Object(object) => Some(*object),
            _ => None,
        }
    }

    /// Everything outside the pickle that it mentions.
    pub fn all_outside(&self) -> impl Iterator<Item = Value<'a>> + '_ {
        self.nodes.iter().filter_map(|node| match node {
            Node::Outside(known_as) => Some(*known_as),
            _ => None,
        })
    }

    /// What something outside the pickle is known as.
    pub fn outside(&self, value: Value<'a>) -> Option<Value<'a>> {
        match self.node(value)? {
            Node::Outside(known_as) => Some(*known_as),
            _ => None,
        }
    }

    fn node(&self, value: Value<'a>) -> Option<&Node<'a>> {
        match value {
            Value::Row(Place(at))
            | Value::Dict(Place(at))
            | Value::Global(Place(at))
            | Value::Object(Place(at))
            | Value::Outside(Place(at)) => self.nodes.get(at),
            _ => None,
        }
    }

    /// The next bytes, which are no pickle.
    ///
    /// # Errors
    /// There are not so many.
    pub fn bytes(&mut self, count: usize) -> Read<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or("it is cut short")?;
        self.rest = rest;
        Ok(taken)
    }

    /// As [`Pickle::bytes`].
    ///
    /// # Errors
    /// There are not so many.
    pub fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        Ok(self.bytes(N)?.try_into().expect("as many as asked for"))
    }

    /// Reads one pickle to its end.
    ///
    /// # Errors
    /// Bytes that are none, a name that is not known, more instructions than any network has.
    pub fn read(&mut self) -> Read<Value<'a>> {
        self.stack.clear();
        self.marks.clear();
        self.memo.clear();
        loop {
            self.count(1)?;
            let [code] = self.array()?;
            if code == b'.' {
                return self.pop();
            }
            if !self.moves(code)? {
                let value = self.value(code)?;
                self.stack.push(value);
            }
        }
    }

    /// Follows an instruction that pushes nothing new; whether it was one.
    fn moves(&mut self, code: u8) -> Read<bool> {
        match code {
            PROTO => drop(self.bytes(1)?),
            // The length of a piece of the file.
            0x95 => drop(self.bytes(8)?),
            b'q' => {
                let [index] = self.array()?;
                self.keep(index.into())?;
            }
            b'r' => {
                let index = u32::from_le_bytes(self.array()?);
                self.keep(index)?;
            }
            0x94 => self.keep(self.memo.len() as u32)?,
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.marked()?),
            b'b' => {
                let state = self.pop()?;
                // What a dictionary has besides its items is of no use to anybody.
                if let Some(Node::Object(object)) = self.top()? {
                    object.state = state;
                }
            }
            b'a' | b's' => {
                let items = self.last(if code == b's' { 2 } else { 1 })?;
                self.fill(items)?;
            }
            b'e' | b'u' | 0x90 => {
                let items = self.marked()?;
                self.fill(items)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What an instruction pushes.
    fn value(&mut self, code: u8) -> Read<Value<'a>> {
        Ok(match code {
            b'N' => Value::None,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b'J' => Value::Int(i32::from_le_bytes(self.array()?).into()),
            b'K' => Value::Int(self.array::<1>()?[0].into()),
            b'M' => Value::Int(u16::from_le_bytes(self.array()?).into()),
            0x8a => {
                let [count] = self.array()?;
                whole(self.bytes(count.into())?)
            }
            0x8b => {
                let count = u32::from_le_bytes(self.array()?);
                whole(self.bytes(count as usize)?)
            }
            b'G' => Value::Float(f64::from_be_bytes(self.array()?)),
            b'U' | 0x8c | b'C' => {
                let [count] = self.array()?;
                self.text(code, count.into())?
            }
            b'T' | b'X' | b'B' => {
                let count = u32::from_le_bytes(self.array()?);
                self.text(code, count.into())?
            }
            0x8d | 0x8e | 0x96 => {
                let count = u64::from_le_bytes(self.array()?);
                self.text(code, count)?
            }
            b'}' => Value::Dict(self.put(Node::Dict(Vec::new()))),
            b']' | b')' | 0x8f => Value::Row(self.put(Node::Row(Vec::new()))),
            b't' | b'l' | 0x91 => {
                let items = self.marked()?;
                Value::Row(self.put(Node::Row(items)))
            }
            0x85..=0x87 => {
                let items = self.last(usize::from(code - 0x84))?;
                Value::Row(self.put(Node::Row(items)))
            }
            b'd' => {
                let items = pairs(self.marked()?);
                Value::Dict(self.put(Node::Dict(items)))
            }
            b'h' => {
                let [index] = self.array()?;
                *self.memo.get(&index.into()).ok_or(BROKEN)?
            }
            b'j' => {
                let index = u32::from_le_bytes(self.array()?);
                *self.memo.get(&index).ok_or(BROKEN)?
            }
            b'2' => *self.stack.last().ok_or(BROKEN)?,
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.named(module, name)?
            }
            0x93 => match self.last(2)?[..] {
                [Value::Text(module), Value::Text(name)] => self.named(module, name)?,
                _ => return Err(BROKEN.into()),
            },
            b'Q' => {
                let known_as = self.pop()?;
                Value::Outside(self.put(Node::Outside(known_as)))
            }
            b'R' | 0x81 => {
                let call = self.last(2)?;
                self.called(call[0], call[1])?
            }
            0x92 => {
                let call = self.last(3)?;
                self.called(call[0], call[1])?
            }
            _ => {
                return Err(format!("its pickle has the instruction {code:#x}, which no tensor needs").into());
            }
        })
    }

    fn line(&mut self) -> Read<&'a str> {
        let end = self.rest.iter().position(|&byte| byte == b'\n').ok_or("it is cut short")?;
        let line = self.bytes(end)?;
        self.bytes(1)?;
        std::str::from_utf8(line).map_err(|_| BROKEN.into())
    }

    fn text(&mut self, code: u8, count: u64) -> Read<Value<'a>> {
        let bytes = self.bytes(usize::try_from(count).map_err(|_| "it is cut short")?)?;
        let is_text = !matches!(code, b'C' | b'B' | 0x8e | 0x96);
        // What Python 2 wrote as text may be anything.
        Ok(match std::str::from_utf8(bytes) {
            Ok(text) if is_text => Value::Text(text),
            _ => Value::Bytes(bytes),
        })
    }

    /// What lies on the stack above the last mark is all that an instruction may take.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Read<Value<'a>> {
        if self.stack.len() <= self.floor() {
            return Err(BROKEN.into());
        }
        self.stack.pop().ok_or_else(|| BROKEN.into())
    }

    fn marked(&mut self) -> Read<Vec<Value<'a>>> {
        let at = self.marks.pop().ok_or(BROKEN)?;
        Ok(self.stack.split_off(at))
    }

    fn last(&mut self, count: usize) -> Read<Vec<Value<'a>>> {
        let at = self.stack.len().checked_sub(count).filter(|at| *at >= self.floor()).ok_or(BROKEN)?;
        Ok(self.stack.split_off(at))
    }

    fn keep(&mut self, index: u32) -> Read<()> {
        let top = *self.stack.last().ok_or(BROKEN)?;
        self.memo.insert(index, top);
        Ok(())
    }

    fn put(&mut self, node: Node<'a>) -> Place {
        self.nodes.push(node);
        Place(self.nodes.len() - 1)
    }

    /// The container on top of the stack, if it is one.
    fn top(&mut self) -> Read<Option<&mut Node<'a>>> {
        Ok(match *self.stack.last().ok_or(BROKEN)? {
            Value::Row(Place(at)) | Value::Dict(Place(at)) | Value::Object(Place(at)) => {
                self.nodes.get_mut(at)
            }
            _ => None,
        })
    }

    /// Puts items into the container on top: of dictionaries keys and values in turn.
    fn fill(&mut self, items: Vec<Value<'a>>) -> Read<()> {
        match self.top()? {
            Some(Node::Dict(dict)) => dict.extend(pairs(items)),
            Some(Node::Row(row)) => row.extend(items),
            _ => {}
        }
        Ok(())
    }

    fn named(&mut self, module: &'a str, name: &'a str) -> Read<Value<'a>> {
        let Some(known) = (self.names)(module, name) else {
            let plain = |c: &char| !c.is_control();
            let shown = module.chars().chain(['.']).chain(name.chars()).filter(plain).take(100);
            return Err(Refusal::Foreign(shown.collect()));
        };
        Ok(Value::Global(self.put(Node::Global(module, name, known))))
    }

    /// What stands for a call.
    fn called(&mut self, callee: Value<'a>, arguments: Value<'a>) -> Read<Value<'a>> {
        let Some(&Node::Global(module, name, known)) = self.node(callee) else { return Ok(Value::Other) };
        if known == Known::Object {
            let object = Object { module, name, arguments, state: Value::None };
            return Ok(Value::Object(self.put(Node::Object(object))));
        }
        let first = self.row(arguments).and_then(|arguments| arguments.first()).copied();
        let first = first.unwrap_or(Value::None);
        // Items that are copied count, or a few bytes could ask for any number of copies.
        let items = self.row(first).unwrap_or_default().to_vec();
        self.count(items.len())?;
        if known == Known::Row {
            return Ok(Value::Row(self.put(Node::Row(items))));
        }
        let pair = |item: &Value<'a>| match self.row(*item) {
            Some(&[key, value]) => Some((key, value)),
            _ => None,
        };
        let items = match self.dict(first) {
            Some(items) => items.to_vec(),
            None => items.iter().filter_map(pair).collect(),
        };
        self.count(items.len())?;
        Ok(Value::Dict(self.put(Node::Dict(items))))
    }

    fn count(&mut self, more: usize) -> Read<()> {
        self.instructions += more;
        match self.instructions > MOST_INSTRUCTIONS {
            true => Err(format!("it has more than {MOST_INSTRUCTIONS} instructions").into()),
            false => Ok(()),
        }
    }
}

fn pairs(items: Vec<Value>) -> Vec<(Value, Value)> {
    items.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
}

/// A whole number, least significant byte first; what does not fit is no size of anything.
fn whole(bytes: &[u8]) -> Value<'static> {
    if bytes.len() > 8 {
        return Value::Other;
    }
    let negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
    let mut all = [if negative { 0xff } else { 0 }; 8];
    all[..bytes.len()].copy_from_slice(bytes);
    Value::Int(i64::from_le_bytes(all))
}
