use super::{XmlFault, read, write};
