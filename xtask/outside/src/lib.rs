//! What a stranger tests would be here.
