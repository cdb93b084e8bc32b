//! MNIST and Fashion-MNIST over the network, through the downloader of the `mnist` crate.
//!
//! That downloader panics when a server cannot be reached, and waits forever when a server sends less than it promised.
//! So it runs on a thread of its own in a temporary folder, is abandoned when nothing arrives any more, and only whole
//! files are moved to the user's folder.

use std::{
    any::Any,
    fs, io,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::mnist::{FILES, find, names};
use crate::{Error, Result};

/// Where the files come from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// MNIST, from the mirror that PyTorch keeps.
    Mnist,
    /// Fashion-MNIST, from its authors.
    Fashion,
    /// Another server that has the four files (`train-images-idx3-ubyte.gz` and so on) under this address.
    Url(String),
}

/// The download is abandoned when no byte has arrived for this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Fetches the four files into a folder, which is created if necessary, for [`load`](super::mnist::load). A folder that
/// has them already is left as it is. A bar on the standard output shows the progress.
///
/// # Errors
/// [`Error::File`] when the folder cannot be written, the server cannot be reached, nothing arrives for 30 seconds, or
/// what arrived is not MNIST.
///
/// ```no_run
/// use wengert::data::mnist::{self, Source};
/// mnist::download("data/fashion", Source::Fashion)?;
/// let (train, test) = mnist::load("data/fashion")?;
/// # Ok::<(), wengert::Error>(())
/// ```
pub fn download(dir: impl AsRef<Path>, source: Source) -> Result<()> {
    fetch(dir.as_ref(), source, PATIENCE)
}

fn fetch(dir: &Path, source: Source, patience: Duration) -> Result<()> {
    let failed = |action, source| Error::File { action, path: dir.to_owned(), source };
    fs::create_dir_all(dir).map_err(|e| failed("create", e))?;
    if FILES.iter().all(|(part, what, rank)| find(dir, part, what, *rank).is_ok()) {
        return Ok(());
    }
    let partial = TempDir::with_prefix_in("download-", dir).map_err(|e| failed("create a folder in", e))?;
    run(partial.path(), source, patience).map_err(|e| failed("download to", e))?;
    for (part, what, rank) in FILES {
        let name = &names(part, what, rank)[2];
        fs::rename(partial.path().join(name), dir.join(name)).map_err(|e| failed("write", e))?;
    }
    Ok(())
}

/// Runs the downloader until it is done, has panicked, or has stalled. A stalled one is left running; it ends when its
/// folder is gone.
fn run(dir: &Path, source: Source, patience: Duration) -> io::Result<()> {
    // The downloader appends a file's name to this path.
    let base = format!("{}/", dir.display());
    let worker = thread::spawn(move || {
        let mut builder = ::mnist::MnistBuilder::new();
        builder.base_path(&base).download_and_extract();
        match &source {
            Source::Mnist => builder.base_url("https://ossci-datasets.s3.amazonaws.com/mnist").finalize(),
            Source::Fashion => builder.use_fashion_data().finalize(),
            Source::Url(url) => builder.base_url(url).finalize(),
        };
    });
    let (mut size, mut since) = (0, Instant::now());
    while !worker.is_finished() {
        thread::sleep(Duration::from_millis(50));
        let now = fs::read_dir(dir)?.flatten().filter_map(|f| f.metadata().ok()).map(|m| m.len()).sum::<u64>();
        if now != size {
            (size, since) = (now, Instant::now());
        } else if since.elapsed() > patience {
            let why = format!("nothing arrived for {} seconds after {size} bytes", patience.as_secs());
            return Err(io::Error::new(io::ErrorKind::TimedOut, why));
        }
    }
    worker.join().map_err(|cause| io::Error::other(words(&*cause)))
}

/// The message of a panic.
fn words(cause: &(dyn Any + Send)) -> String {
    let owned = cause.downcast_ref::<String>().cloned();
    owned.or_else(|| cause.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_else(|| "it panicked".to_owned())
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader, Write},
        net::{TcpListener, TcpStream},
        path::PathBuf,
    };

    use super::*;

    /// A server for four requests; answers each with what `body` gives for the file's name.
    fn serve(body: impl Fn(&str) -> Vec<u8> + Send + 'static) -> Source {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/set", listener.local_addr().unwrap());
        thread::spawn(move || listener.incoming().take(4).for_each(|stream| answer(stream.unwrap(), &body)));
        Source::Url(url)
    }

    fn answer(mut stream: TcpStream, body: &impl Fn(&str) -> Vec<u8>) {
        let request: Vec<String> =
            BufReader::new(&stream).lines().map_while(|l| l.ok()).take_while(|l| !l.is_empty()).collect();
        let name = request[0].split(' ').nth(1).unwrap().rsplit('/').next().unwrap();
        let body = body(name);
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len()).unwrap();
        stream.write_all(&body).unwrap();
    }

    #[test]
    fn an_unreachable_server_is_an_error() {
        let dir = TempDir::new().unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = fetch(dir.path(), Source::Url(format!("http://{closed}")), PATIENCE).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot download to {}: ", dir.path().display())), "{error}");
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0, "nothing is left behind");
    }

    #[test]
    fn a_server_that_answers_with_less_is_given_up() {
        let dir = TempDir::new().unwrap();
        let error = fetch(dir.path(), serve(|_| b"not found".to_vec()), Duration::from_secs(1)).unwrap_err();
        let expected =
            format!("cannot download to {}: nothing arrived for 1 seconds after 9 bytes", dir.path().display());
        assert_eq!(error.to_string(), expected);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0, "nothing is left behind");
    }

    #[test]
    fn four_good_files_arrive() {
        let Some(shared) = std::env::var_os("WENGERT_SHARED").map(PathBuf::from) else {
            eprintln!("skipped: WENGERT_SHARED does not name the folder with the reference data");
            return;
        };
        let dir = TempDir::new().unwrap();
        let folder = dir.path().join("new");
        let files = shared.join("data/mnist");
        fetch(&folder, serve(move |name| fs::read(files.join(name)).unwrap()), PATIENCE).unwrap();
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 4);
        let (train, _) = super::super::mnist::load_first(&folder, 5, 1).unwrap();
        assert_eq!(train.labels(), [5, 0, 4, 1, 9]);
        // A second call needs no server.
        fetch(&folder, Source::Url("http://127.0.0.1:9".into()), PATIENCE).unwrap();
    }
}
