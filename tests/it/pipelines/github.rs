//! A stand-in of GitHub: its API as far as the workflows ask it, and the artifacts of runs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::extract::{Path as At, State};
use axum::routing::{get, patch};
use axum::{Json, Router};
use serde_json::{Value, json};

/// The files of an artifact, by their paths in it.
pub type Files = BTreeMap<PathBuf, Vec<u8>>;

/// What GitHub keeps of the repository `o/r`.
#[derive(Default, Clone)]
pub struct GitHub(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    /// Of pull request 7.
    comments: Vec<Value>,
    /// The workflow of each run; a run's id is its place, from 1.
    runs: Vec<String>,
    artifacts: BTreeMap<(usize, String), Files>,
}

impl GitHub {
    /// Serves it, and gives the address.
    pub fn serve(&self) -> String {
        let router = Router::new()
            .route("/repos/o/r/issues/7/comments", get(list).post(add))
            .route("/repos/o/r/issues/comments/{id}", patch(edit))
            .route("/repos/o/r/actions/workflows/{name}/runs", get(runs))
            .with_state(self.clone());
        let (address, got) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                address.send(listener.local_addr().unwrap()).unwrap();
                axum::serve(listener, router).await.unwrap();
            });
        });
        format!("http://{}", got.recv().unwrap())
    }

    pub fn write(&self, kind: &str, body: &str) {
        let comments = &mut self.0.lock().unwrap().comments;
        let id = comments.len() + 1;
        comments.push(json!({ "id": id, "user": { "type": kind }, "body": body }));
    }

    pub fn bodies(&self) -> Vec<String> {
        self.0.lock().unwrap().comments.iter().map(|comment| comment["body"].as_str().unwrap().to_owned()).collect()
    }

    pub fn begin(&self, workflow: &str) -> usize {
        let runs = &mut self.0.lock().unwrap().runs;
        runs.push(workflow.to_owned());
        runs.len()
    }

    /// Keeps an artifact of a run; gives what it had under that name.
    pub fn keep(&self, run: usize, name: String, files: Files) -> Option<Files> {
        self.0.lock().unwrap().artifacts.insert((run, name), files)
    }

    pub fn kept(&self, run: usize, name: String) -> Option<Files> {
        self.0.lock().unwrap().artifacts.get(&(run, name)).cloned()
    }

    pub fn last_run(&self) -> String {
        self.0.lock().unwrap().runs.len().to_string()
    }
}

async fn list(State(github): State<GitHub>, query: axum::extract::RawQuery) -> Json<Value> {
    let page: usize = query.0.unwrap().split_once("&page=").unwrap().1.parse().unwrap();
    let comments = &github.0.lock().unwrap().comments;
    Json(comments.iter().skip((page - 1) * 100).take(100).cloned().collect())
}

async fn add(State(github): State<GitHub>, Json(comment): Json<Value>) {
    github.write("Bot", comment["body"].as_str().unwrap());
}

async fn edit(State(github): State<GitHub>, At(id): At<u64>, Json(comment): Json<Value>) {
    let comments = &mut github.0.lock().unwrap().comments;
    let found = comments.iter_mut().find(|comment| comment["id"] == id).unwrap();
    assert_eq!(found["user"]["type"], "Bot", "nobody's words are overwritten");
    found["body"] = comment["body"].clone();
}

/// Newest first. The newest is a fork's, whose branch is called as ours: it could have put anything into its artifact.
async fn runs(State(github): State<GitHub>, At(name): At<String>) -> Json<Value> {
    let kept = github.0.lock().unwrap();
    let of = |id: usize, event: &str, repository: &str| json!({ "id": id, "event": event, "head_branch": "main", "head_repository": { "full_name": repository } });
    let ours = kept.runs.iter().enumerate().rev().filter(|(_, workflow)| **workflow == name);
    let all: Vec<Value> =
        std::iter::once(of(99, "pull_request", "fork/r")).chain(ours.map(|(place, _)| of(place + 1, "push", "o/r"))).collect();
    Json(json!({ "workflow_runs": all }))
}
