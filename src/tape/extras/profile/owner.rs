//! In whose name a node was recorded: the hand-written functions around it, and the rule that recorded it.
//!
//! Nothing is written into the nodes. Stretches of the tape have an owner, noted by their first nodes; the operations of
//! rules come and go at the end of the tape, and what is noted there goes with them.

use smallvec::SmallVec;

use super::{
    super::super::{NodeId, Rule},
    numbers::Map,
};

/// A hand-written function and the line that applied it, by their numbers.
pub(super) type Function = (u32, u32);

/// Who records.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Owner {
    /// The functions around it, from the outermost.
    pub functions: SmallVec<[Function; 2]>,
    /// The operation whose rule records: the numbers of its name, line and layer.
    pub of: Option<(u32, u32, u32)>,
    /// Which rule, inside a function.
    pub rule: Option<Rule>,
}

/// The owners of all nodes. The first of them is the user's program.
pub(super) struct Owners {
    all: Vec<Owner>,
    numbers: Map<Owner, u32>,
    /// The owner of what is recorded now.
    now: u32,
    /// From which node on, who.
    from: Vec<(NodeId, u32)>,
}

impl Default for Owners {
    fn default() -> Self {
        let program = Owner::default();
        Owners { all: vec![program.clone()], numbers: Map::from_iter([(program, 0)]), now: 0, from: Vec::new() }
    }
}

impl Owners {
    /// The recording is gone.
    pub fn clear(&mut self) {
        self.from.clear();
        self.now = 0;
    }

    pub fn get(&self, number: u32) -> &Owner {
        &self.all[number as usize]
    }

    /// The owner of what is recorded now.
    pub fn now(&self) -> u32 {
        self.now
    }

    pub fn number(&mut self, owner: Owner) -> u32 {
        let next = self.all.len() as u32;
        *self.numbers.entry(owner).or_insert_with_key(|owner| {
            self.all.push(owner.clone());
            next
        })
    }

    /// The owner of a node.
    pub fn of_node(&self, id: NodeId) -> u32 {
        match self.from.partition_point(|from| from.0 <= id) {
            0 => 0,
            place => self.from[place - 1].1,
        }
    }

    /// Nodes from `first` on belong to `owner`.
    pub fn go_back(&mut self, first: NodeId, owner: u32) {
        while self.from.pop_if(|from| from.0 >= first).is_some() {}
        if self.from.last().map_or(0, |from| from.1) != owner {
            self.from.push((first, owner));
        }
        self.now = owner;
    }

    /// Nodes from `first` on belong to a function inside of the present owner, which is returned.
    pub fn enter_function(&mut self, first: NodeId, function: Function) -> u32 {
        let before = self.now;
        let mut owner = self.get(before).clone();
        owner.functions.push(function);
        let owner = self.number(owner);
        self.go_back(first, owner);
        before
    }

    /// Nodes from `first` on belong to the rule of node `id`: the operation `of`, or a function by hand or by the tape.
    pub fn enter_rule(
        &mut self,
        id: NodeId,
        first: NodeId,
        of: (u32, u32, u32),
        (function, by_hand): (Option<Function>, bool),
    ) -> u32 {
        let before = self.now;
        let mut owner = self.get(self.of_node(id)).clone();
        debug_assert!(function.is_none_or(|function| owner.functions.last().is_none_or(|last| *last == function)));
        owner.rule = match (by_hand, owner.functions.is_empty()) {
            (true, _) => Some(Rule::Manual),
            (false, false) => Some(Rule::Tape),
            (false, true) => None,
        };
        owner.of = Some(of);
        let owner = self.number(owner);
        self.go_back(first, owner);
        before
    }
}
