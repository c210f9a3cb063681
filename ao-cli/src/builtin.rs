//! The plugins that are part of this program. Linking one is all that it takes: its registration is found like those of
//! a loaded library.

use ao_plugin_acp as _;
use ao_plugin_claude_code as _;
use ao_plugin_codex as _;
use ao_plugin_command as _;
use ao_plugin_git as _;
use ao_plugin_local as _;
use ao_plugin_notify as _;
use ao_plugin_opencode as _;
use ao_plugin_process as _;
use ao_plugin_pty as _;
use ao_plugin_tmux as _;
