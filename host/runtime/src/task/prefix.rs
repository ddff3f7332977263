//! The contiguous acknowledged prefix.

use std::collections::VecDeque;

/// Items that are acknowledged in any order and come out in the order they went in, none before all earlier ones are
/// acknowledged.
#[derive(Debug)]
pub(super) struct Prefix<T> {
    /// The number of the first item in `items`.
    first: u64,
    /// Each with whether it is acknowledged.
    items: VecDeque<(bool, T)>,
}

impl<T> Default for Prefix<T> {
    fn default() -> Self {
        Self { first: 0, items: VecDeque::new() }
    }
}

impl<T> Prefix<T> {
    /// Adds an item behind all others; its number is needed to acknowledge it.
    pub(super) fn push(&mut self, item: T) -> u64 {
        self.items.push_back((false, item));
        self.first + self.items.len() as u64 - 1
    }

    /// Acknowledges an item. Numbers that were never given out, or came out already, are ignored.
    pub(super) fn acknowledge(&mut self, number: u64) {
        let index = number.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        if let Some((acknowledged, _)) = index.and_then(|index| self.items.get_mut(index)) {
            *acknowledged = true;
        }
    }

    /// Takes out the first item, if it is acknowledged.
    pub(super) fn pop(&mut self) -> Option<T> {
        let (_, item) = self.items.pop_front_if(|(acknowledged, _)| *acknowledged)?;
        self.first += 1;
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shuffled(count: u64) -> impl Strategy<Value = Vec<u64>> {
        Just((0..count).collect::<Vec<_>>()).prop_shuffle()
    }

    proptest! {
        #[test]
        fn only_the_contiguous_prefix_comes_out_whatever_the_order(order in (0_u64..40).prop_flat_map(shuffled)) {
            let mut prefix = Prefix::default();
            for item in 0..order.len() as u64 {
                prop_assert_eq!(prefix.push(item), item);
            }
            let (mut acknowledged, mut out) = (Vec::new(), Vec::new());
            for number in &order {
                prefix.acknowledge(*number);
                acknowledged.push(*number);
                while let Some(item) = prefix.pop() {
                    out.push(item);
                }
                let contiguous = (0..).take_while(|at| acknowledged.contains(at)).count();
                prop_assert_eq!(&out, &(0..contiguous as u64).collect::<Vec<_>>());
            }
            prop_assert_eq!(out.len(), order.len());
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Push,
        /// Any number, also one that was never given out or came out already.
        Acknowledge(u64),
        Pop,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![3 => Just(Step::Push), 4 => (0_u64..30).prop_map(Step::Acknowledge), 4 => Just(Step::Pop)]
    }

    proptest! {
        #[test]
        fn whatever_happens_when_what_comes_out_is_the_next_item_and_only_once_it_is_acknowledged(
            steps in prop::collection::vec(step(), 0..120)
        ) {
            let (mut prefix, mut pushed, mut popped) = (Prefix::default(), 0_u64, 0_u64);
            let mut acknowledged = std::collections::BTreeSet::new();
            for step in steps {
                match step {
                    Step::Push => {
                        prop_assert_eq!(prefix.push(pushed), pushed);
                        pushed += 1;
                    }
                    Step::Acknowledge(number) => {
                        prefix.acknowledge(number);
                        if number < pushed {
                            acknowledged.insert(number);
                        }
                    }
                    Step::Pop => {
                        let expected = acknowledged.contains(&popped).then_some(popped);
                        prop_assert_eq!(prefix.pop(), expected);
                        popped += u64::from(expected.is_some());
                    }
                }
            }
        }
    }

    #[test]
    fn an_acknowledgement_that_nobody_waits_for_is_ignored() {
        let mut prefix = Prefix::default();
        prefix.acknowledge(0);
        let number = prefix.push('a');
        assert_eq!(prefix.pop(), None);
        prefix.acknowledge(number);
        assert_eq!(prefix.pop(), Some('a'));
        prefix.acknowledge(number);
        prefix.push('b');
        assert_eq!(prefix.pop(), None);
    }
}
