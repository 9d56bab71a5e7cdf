// SPDX-License-Identifier: BSD-3-Clause

// Package shipnode is a SHIP 1.0.1 node in Go that shares nothing with the one under test:
// certificates, WebSocket frames, the JSON of EEBUS, the handshake, and a small hub. Each layer
// can be used alone, so that a test may break the rules of the next.
package shipnode

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// Flaws are what a test may do wrong to a certificate; none by default.
type Flaws struct {
	SKI   []byte // the extension's content, instead of the hash of the key
	NoSKI bool   // no extension at all
	RSA   bool   // not a key of SHIP
	CN    string
}

// Identity is a key, its certificate, and the SKI that follows from the key.
type Identity struct {
	SKI  string
	Cert tls.Certificate
}

// NewIdentity makes a key and a certificate for it, both fresh.
func NewIdentity(f Flaws) (*Identity, error) {
	key, point, err := newKey(f.RSA)
	if err != nil {
		return nil, err
	}
	sum := sha1.Sum(point)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject: pkix.Name{Country: []string{"DE"}, Organization: []string{"Interop"},
			CommonName: f.CN},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(10 * 365 * 24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  !f.NoSKI, // for an authority Go adds the extension by itself
		SubjectKeyId:          sum[:],
	}
	if f.SKI != nil {
		template.SubjectKeyId = f.SKI
	}
	if f.NoSKI {
		template.SubjectKeyId = nil
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &Identity{SKI: hex.EncodeToString(sum[:]),
		Cert: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}}, nil
}

// newKey gives a key and the bytes that its SKI is the hash of.
func newKey(useRSA bool) (crypto.Signer, []byte, error) {
	if useRSA {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, nil, err
		}
		return key, x509.MarshalPKCS1PublicKey(&key.PublicKey), nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	public, err := key.PublicKey.ECDH()
	if err != nil {
		return nil, nil, err
	}
	return key, public.Bytes(), nil
}

// NewOrdered makes an identity whose SKI is bigger or smaller than another's.
func NewOrdered(bigger bool, than string) (*Identity, error) {
	for range 10000 {
		id, err := NewIdentity(Flaws{CN: "Interop-1"})
		if err != nil || (id.SKI > than) == bigger {
			return id, err
		}
	}
	return nil, errors.New("no such SKI in 10,000 tries")
}

// Write puts cert.pem and key.pem into dir.
func (id *Identity) Write(dir string) error {
	der, err := x509.MarshalECPrivateKey(id.Cert.PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		return err
	}
	write := func(name, kind string, der []byte) error {
		text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
		return os.WriteFile(filepath.Join(dir, name), text, 0o600)
	}
	return errors.Join(write("cert.pem", "CERTIFICATE", id.Cert.Certificate[0]),
		write("key.pem", "EC PRIVATE KEY", der))
}

// ReadIdentity reads what Write wrote.
func ReadIdentity(dir string) (*Identity, error) {
	cert, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		return nil, err
	}
	ski, err := SKIOf(cert.Certificate[0])
	return &Identity{SKI: ski, Cert: cert}, err
}

// SKIOf computes the SKI of the key in a certificate and demands that the certificate says so.
func SKIOf(der []byte) (string, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return "", err
	}
	key, ok := cert.PublicKey.(*ecdsa.PublicKey)
	if !ok {
		return "", errors.New("not a key on an elliptic curve")
	}
	public, err := key.ECDH()
	if err != nil {
		return "", err
	}
	sum := sha1.Sum(public.Bytes())
	if !bytes.Equal(cert.SubjectKeyId, sum[:]) {
		return "", fmt.Errorf("the certificate says %x, the key is %x", cert.SubjectKeyId, sum)
	}
	return hex.EncodeToString(sum[:]), nil
}

// Mangled gives an identity whose certificate has its bytes changed by f after it was signed.
func (id *Identity) Mangled(f func(der []byte) []byte) *Identity {
	cert := id.Cert
	cert.Certificate = [][]byte{f(bytes.Clone(cert.Certificate[0]))}
	return &Identity{SKI: id.SKI, Cert: cert}
}

// Padded gives a certificate that is one sequence of n zero bytes: well-formed in its outer shape.
func Padded(n int) []byte {
	der, _ := asn1.Marshal(asn1.RawValue{Class: 0, Tag: 16, IsCompound: true, Bytes: make([]byte, n)})
	return der
}
