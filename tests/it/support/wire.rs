use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A port that passes everything on to another one, until it is cut.
#[derive(Clone)]
pub struct Wire {
    address: SocketAddr,
    ends: Arc<Mutex<Vec<TcpStream>>>,
}

impl Wire {
    pub fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let wire = Self { address: listener.local_addr().unwrap(), ends: Arc::default() };
        let ends = Arc::clone(&wire.ends);
        // The thread ends with the process: the listener has no end mark.
        thread::spawn(move || {
            for near in listener.incoming() {
                let near = near.unwrap();
                let far = TcpStream::connect(target).unwrap();
                // Before anything passes: a call that is answered by a cut may come at once.
                ends.lock().unwrap().extend([near.try_clone().unwrap(), far.try_clone().unwrap()]);
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    // What a cut connection fails with is not of interest.
                    thread::spawn(move || io::copy(&mut from, &mut to).ok());
                }
            }
        });
        wire
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts the connections that stand; new ones are taken.
    pub fn cut(&self) {
        for end in self.ends.lock().unwrap().drain(..) {
            // It may be closed already.
            end.shutdown(Shutdown::Both).ok();
        }
    }
}
