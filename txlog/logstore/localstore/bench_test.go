package localstore

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/deltalog/deltalog/txlog/logstore"
)

func BenchmarkCommit(b *testing.B) {
	for _, c := range []struct {
		name string
		opts Options
		mode logstore.PutMode
		anon bool
	}{
		{"anonymous", Options{}, logstore.IfAbsent, true},
		{"named", Options{}, logstore.IfAbsent, false},
		{"overwrite", Options{}, logstore.Overwrite, false},
		{"unsynced", Options{NoSync: true}, logstore.IfAbsent, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			s, err := Open(b.TempDir(), &c.opts)
			if err != nil {
				b.Fatal(err)
			}
			s.named = !c.anon
			data := make([]byte, 2000)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if err := s.Put(b.Context(), fmt.Sprintf("_delta_log/%020d.json", i), data, c.mode); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}

// A race that is lost when the name is there already costs no flush.
func BenchmarkLostRace(b *testing.B) {
	s, err := Open(b.TempDir(), nil)
	if err != nil {
		b.Fatal(err)
	}
	data := make([]byte, 2000)
	for b.Loop() {
		_ = s.Put(b.Context(), "_delta_log/0.json", data, logstore.IfAbsent)
	}
}

func BenchmarkList20k(b *testing.B) {
	s, err := Open(b.TempDir(), &Options{NoSync: true})
	if err != nil {
		b.Fatal(err)
	}
	dir := filepath.Join(s.Dir(), "_delta_log")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		b.Fatal(err)
	}
	for i := range 20_000 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%020d.json", i)), nil, 0o640); err != nil {
			b.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		o    logstore.ListOptions
	}{
		{"all", logstore.ListOptions{Prefix: "_delta_log/", Shallow: true}},
		{"tail", logstore.ListOptions{Prefix: "_delta_log/", Shallow: true, StartAfter: "_delta_log/00000000000000019990"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				for _, err := range s.List(b.Context(), c.o) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n == 0 {
					b.Fatal("nothing listed")
				}
			}
		})
	}
}

// BenchmarkStream writes 64 MiB objects as a data file writer does, in pieces of
// 1 MiB and of 4 KiB.
func BenchmarkStream(b *testing.B) {
	for _, size := range []int{4 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("pieces=%dKiB", size>>10), func(b *testing.B) {
			s, err := Open(b.TempDir(), nil)
			if err != nil {
				b.Fatal(err)
			}
			piece := make([]byte, size)
			b.SetBytes(64 << 20)
			i := 0
			for b.Loop() {
				w, err := s.Create(b.Context(), fmt.Sprintf("d=%d/part-%05d.parquet", i%4, i))
				if err != nil {
					b.Fatal(err)
				}
				for range 64 << 20 / size {
					if _, err := w.Write(piece); err != nil {
						b.Fatal(err)
					}
				}
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}

// BenchmarkFiles writes small data files into few directories at once, where most
// of the cost is flushing.
func BenchmarkFiles(b *testing.B) {
	s, err := Open(b.TempDir(), nil)
	if err != nil {
		b.Fatal(err)
	}
	data := make([]byte, 100_000)
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			w, err := s.Create(b.Context(), fmt.Sprintf("d=%d/%s-%d.parquet", i%4, s.tempName("x"), i))
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = w.Write(data)
			if err := w.Close(); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkReadRange(b *testing.B) {
	s, err := Open(b.TempDir(), nil)
	if err != nil {
		b.Fatal(err)
	}
	if err := s.Put(b.Context(), "d=1/x", make([]byte, 1<<20), logstore.IfAbsent); err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 64<<10)
	b.ReportAllocs()
	b.SetBytes(64 << 10)
	for b.Loop() {
		body, err := s.ReadRange(b.Context(), "d=1/x", 100_000, 64<<10)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := body.Read(buf); err != nil {
			b.Fatal(err)
		}
		body.Close()
	}
}
