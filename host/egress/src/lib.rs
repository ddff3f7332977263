//! What a connector may reach over the network, and how it is reached.
